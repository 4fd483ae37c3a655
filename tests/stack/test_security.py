"""Who may enter where, what each container may do, and where secrets are not."""

from __future__ import annotations

import json
import stat
import time

import pytest

from tests.stack.stack import Stack, eventually, published

SECRETS = (
    "postgres_password",
    "authenticator_password",
    "authenticator_verifier",
    "pgbouncer_userlist",
    "jwt_secret",
    "pgadmin_password",
)


def test_secrets_are_readable_by_their_owner_alone(stack: Stack) -> None:
    folder = stack.folder / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in SECRETS:
        assert stat.S_IMODE((folder / f"{name}.txt").stat().st_mode) == 0o600
    assert len(stack.secret("jwt_secret")) == 64


def test_nothing_secret_is_shown_by_docker(stack: Stack) -> None:
    images = {container["Image"] for container in stack.inspect()}
    shown = {
        "containers": json.dumps(stack.inspect()),
        "images": stack.docker("inspect", *images),
        "volumes": stack.docker("volume", "inspect", *stack.docker("volume", "ls", "--quiet").split()),
        "configuration": stack.compose("config"),
        "logs": stack.compose("logs", "--no-color", check=False),
        "processes": stack.compose("top"),
        "history": "".join(stack.docker("history", "--no-trunc", image) for image in images),
    }
    for name in SECRETS:
        for where, text in shown.items():
            assert stack.secret(name) not in text, f"{name} is in the {where}"


def test_setting_up_again_changes_no_secret_and_prints_none(stack: Stack) -> None:
    before = {name: stack.secret(name) for name in SECRETS}
    todo = stack.add_todo("Before setting up again")
    printed = stack.script("setup.py")
    assert {name: stack.secret(name) for name in SECRETS} == before
    assert not any(secret in printed for secret in before.values())
    assert todo in stack.todos()


def test_only_authenticator_enters_pgbouncer(stack: Stack) -> None:
    ours = stack.secret("authenticator_password")
    assert stack.enter_pgbouncer("authenticator", ours) == "authenticator"
    assert "authentication failed" in stack.enter_pgbouncer("authenticator", "wrong")
    # the superuser's password is right for PostgreSQL, and that is no reason to let it in here
    assert "authentication failed" in stack.enter_pgbouncer("postgres", stack.secret("postgres_password"))
    assert "authentication failed" in stack.enter_pgbouncer("api_anon", ours)
    assert "no such database" in stack.enter_pgbouncer("authenticator", ours, "postgres")
    assert "not allowed" in stack.enter_pgbouncer("authenticator", ours, "pgbouncer")


def test_pgbouncer_is_configured_as_documented(stack: Stack) -> None:
    def console(command: str) -> str:
        return stack.compose(
            *("exec", "-T", "--user", "pgbouncer", "pgbouncer"),
            *("psql", "-h", "/tmp", "-p", "6432", "-U", "pgbouncer", "-d", "pgbouncer", "-Atqc", command),
        )

    settings = dict(line.split("|")[:2] for line in console("show config").splitlines())
    assert settings["pool_mode"] == "transaction"
    assert settings["auth_type"] == "scram-sha-256"
    assert (settings["default_pool_size"], settings["reserve_pool_size"]) == ("20", "5")
    assert (settings["max_client_conn"], settings["max_prepared_statements"]) == ("1000", "200")
    assert settings["server_login_retry"] == "1"
    version = [int(part) for part in console("show version").split()[-1].split(".")]
    assert version >= [1, 23]
    clients = [line.split("|") for line in console("show clients").splitlines()]
    assert {client[1] for client in clients} == {"authenticator", "pgbouncer"}


def test_the_database_keeps_no_clear_password(stack: Stack) -> None:
    stored = stack.psql("select rolpassword from pg_authid where rolname = 'authenticator'").strip()
    assert stored == stack.secret("authenticator_verifier")
    assert stored.startswith("SCRAM-SHA-256$4096:")
    assert stack.secret("authenticator_password") not in stack.secret("pgbouncer_userlist")


@pytest.mark.parametrize(("service", "uid"), [("autorest", 10001), ("pgbouncer", 10002), ("home", 10003)])
def test_what_faces_requests_has_no_privileges(stack: Stack, service: str, uid: int) -> None:
    status = _status(stack, service)
    assert status["Uid"].split() == [str(uid)] * 4
    assert status["Gid"].split() == [str(uid)] * 4
    assert status["Groups"].split() in ([], [str(uid)])
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0000000000000000"}
    assert status["NoNewPrivs"] == "1"
    (container,) = stack.inspect(service)
    assert container["HostConfig"]["ReadonlyRootfs"] is True
    refused = stack.compose("exec", "-T", service, "touch", "/somewhere", check=False)
    assert "Read-only file system" in refused


def _status(stack: Stack, service: str) -> dict[str, str]:
    lines = stack.compose("exec", "-T", service, "cat", "/proc/1/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_every_container_is_limited_and_comes_back(stack: Stack) -> None:
    for container in stack.inspect():
        host, name = container["HostConfig"], container["Name"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped", name
        assert host["Memory"] > 0, name
        assert host["LogConfig"]["Type"] == "json-file", name
        assert host["LogConfig"]["Config"].keys() == {"max-size", "max-file"}, name
        assert host["Privileged"] is False, name
        assert not any("docker.sock" in bind for bind in host["Binds"] or ()), name
        assert container["State"]["Health"]["Status"] == "healthy", name


def test_development_publishes_on_this_machine_alone(stack: Stack) -> None:
    http, dashboard, postgres = (stack.ports[name] for name in ("HTTP_PORT", "DASHBOARD_PORT", "POSTGRES_PORT"))
    assert published(stack.config()) == {
        ("traefik", "127.0.0.1", http, 80),
        ("traefik", "127.0.0.1", dashboard, 8080),
        ("postgres", "127.0.0.1", postgres, 5432),
    }


def test_a_changed_password_reaches_everything(stack: Stack) -> None:
    todo = stack.add_todo("Before the passwords change")
    old = stack.secret("authenticator_password")
    for name in ("authenticator_password", "postgres_password", "pgadmin_password"):
        (stack.folder / "secrets" / f"{name}.txt").write_text(f"Changed{time.time_ns()}'\"", encoding="utf-8")
    stack.script("setup.py")
    eventually(lambda: stack.api.get("/todos?limit=1").status_code == 200, 60)
    assert todo in stack.todos()
    assert "authentication failed" in stack.enter_pgbouncer("authenticator", old)
    assert stack.enter_pgbouncer("authenticator", stack.secret("authenticator_password")) == "authenticator"
