-- $1: schemas to look for views in
-- Of each view's stored query tree, what begins at the target list of its outermost query. Every QUERY node has
-- exactly one targetList, after the queries it reads from and before those inside its expressions: the
-- outermost one is the first that comes when as many lists as queries have begun. In names the tree escapes the
-- space and the brace, so that a name that looks like one of the two marks is recognised by its backslash.
SELECT stored.view,
       substr(stored.tree, mark.position) AS target_list
FROM (
  SELECT rule.ev_class AS view,
         replace(
           replace(rule.ev_action::text, '\ :targetList ', '\ :targetlist '),
           '\{QUERY ', '\{query '
         ) AS tree
  FROM pg_rewrite AS rule
  JOIN pg_class AS relation ON relation.oid = rule.ev_class
  WHERE relation.relnamespace = ANY ($1::oid[])
    AND relation.relkind IN ('v', 'm')
    AND rule.ev_type = '1'
  OFFSET 0 -- the tree is unpacked once
) AS stored
CROSS JOIN LATERAL (
  SELECT 1 + min(counted.characters)::int AS position
  FROM (
    SELECT piece.number,
           sum(length(piece.text) + length(' :targetList ')) OVER so_far AS characters,
           sum((length(piece.text) - length(replace(piece.text, '{QUERY ', ''))) / length('{QUERY ')) OVER so_far
             AS queries
    FROM string_to_table(stored.tree, ' :targetList ') WITH ORDINALITY AS piece (text, number)
    WINDOW so_far AS (ORDER BY piece.number)
  ) AS counted
  WHERE counted.queries = counted.number
) AS mark;
