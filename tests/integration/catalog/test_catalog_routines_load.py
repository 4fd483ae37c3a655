"""Functions, representations and media types, as PostgreSQL has them."""

from __future__ import annotations

from autorest.catalog.model import Catalog, MediaHandler, Parameter, QualifiedName, ReturnType, Routine, Volatility


def api(name: str) -> QualifiedName:
    return QualifiedName("api", name)


def only(catalog: Catalog, name: str) -> Routine:
    (routine,) = catalog.routines[api(name)]
    return routine


def test_functions_of_exposed_schemas_can_be_called_and_nothing_else(catalog: Catalog) -> None:
    assert {name.schema for name in catalog.routines} == {"api"}
    for name in ("perform", "total", "ignore", "nameless"):
        assert api(name) not in catalog.routines


def test_overloads_come_by_their_number_of_parameters(catalog: Catalog) -> None:
    none, text, two = catalog.routines[api("add")]
    assert none.parameters == ()
    assert none.returns_void
    assert text.parameters == (Parameter("a", "text", "text"),)
    assert two.parameters == (
        Parameter("a", "integer", "integer"),
        Parameter("b", "integer", "integer", required=False),
    )
    assert [one.volatility for one in (none, text, two)] == [
        Volatility.VOLATILE,
        Volatility.STABLE,
        Volatility.IMMUTABLE,
    ]
    assert (two.description, text.description) == ("Adds", None)


def test_a_variadic_parameter_is_the_array(catalog: Catalog) -> None:
    joined = only(catalog, "joined")
    assert joined.variadic
    assert joined.parameters == (
        Parameter("separator", "text", "text"),
        Parameter("parts", "text[]", "text[]", variadic=True),
    )


def test_parameters_are_cast_without_being_cut(catalog: Catalog) -> None:
    assert [(one.type, one.cast_type) for one in only(catalog, "cut").parameters] == [
        ("bit", "bit varying"),
        ("bit[]", "bit varying[]"),
        ("character", "character varying"),
        ("character[]", "character varying[]"),
        ("api.isbn", "api.isbn"),
    ]


def test_outputs_are_no_parameters_wherever_they_stand(catalog: Catalog) -> None:
    routine = only(catalog, "out_first")
    assert [one.name for one in routine.parameters] == ["n", "in"]
    assert routine.returns_single_composite


def test_what_functions_return(catalog: Catalog) -> None:
    returned = {
        name: only(catalog, name).returns
        for name in ("cut", "listed", "span_of", "any_record", "same", "numbers", "bookshelf")
    }
    assert returned == {
        "cut": ReturnType(QualifiedName("pg_catalog", "varchar")),
        "listed": ReturnType(QualifiedName("pg_catalog", "record"), set_of=True, composite=True),
        "span_of": ReturnType(api("span"), composite=True),
        "any_record": ReturnType(QualifiedName("pg_catalog", "record")),
        "same": ReturnType(QualifiedName("pg_catalog", "anyelement")),
        "numbers": ReturnType(QualifiedName("pg_catalog", "int4"), set_of=True),
        "bookshelf": ReturnType(api("books"), set_of=True, composite=True),
    }


def test_a_single_unnamed_parameter_must_be_one_that_takes_a_whole_body(catalog: Catalog) -> None:
    assert only(catalog, "raw").parameters == (Parameter("", "jsonb", "jsonb"),)
    assert api("nameless") not in catalog.routines
    assert api("namesakes") not in catalog.routines


def test_a_parameter_may_be_unnamed_beside_named_ones(catalog: Catalog) -> None:
    assert [(one.name, one.required) for one in only(catalog, "half_named").parameters] == [("", True), ("b", False)]


def test_settings_are_hoisted_by_pattern_and_isolation_always(catalog: Catalog) -> None:
    careful, relaxed = only(catalog, "careful"), only(catalog, "relaxed")
    assert careful.isolation_level == "serializable"
    assert sorted(name for name, _ in careful.settings) == ["default_transaction_isolation", "statement_timeout"]
    assert dict(careful.settings)["statement_timeout"] == "7s"
    assert relaxed.isolation_level == "read committed"
    assert only(catalog, "numbers").isolation_level is None


def test_implicit_casts_between_a_domain_and_json_or_text_are_representations(catalog: Catalog) -> None:
    assert catalog.representations == {
        ("api.color", "json"): api("color_json"),
        ("text", "api.color"): api("color_text"),
    }
    assert catalog.relations[api("books")].columns["tint"].nominal_type == "api.color"


def test_aggregates_and_functions_that_return_a_media_type_are_its_handlers(catalog: Catalog) -> None:
    library = "Application/VND.Library+json"
    assert catalog.media_handlers == {
        (api("genres"), "text/csv"): MediaHandler(api("lines"), api("genres"), "text/csv"),
        (None, "*/*"): MediaHandler(api("bytes"), None, "application/octet-stream"),
        (api("add_line"), "text/csv"): MediaHandler(api("text/csv"), api("add_line"), "text/csv"),
        (api("add_any"), "*/*"): MediaHandler(api("*/*"), api("add_any"), "application/octet-stream"),
        (api("catalogue"), library): MediaHandler(api(library), api("catalogue"), library),
    }
