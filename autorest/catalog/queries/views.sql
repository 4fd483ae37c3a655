-- $1: schemas to look for views in
-- Of each view's stored query tree, what begins at the target list of its outermost query. Every QUERY node has
-- exactly one targetList, after the queries it reads from and before those inside its expressions: the
-- outermost one is the first that comes when as many lists as queries have begun. In names the tree escapes the
-- space and the brace, so that a name that looks like one of the two marks is recognised by its backslash.
SELECT stored.view,
       array_to_string(stored.pieces[outermost.number + 1:], ' :targetList ') AS target_list
FROM (
  SELECT rule.ev_class AS view,
         string_to_array(
           replace(
             replace(rule.ev_action::text, '\ :targetList ', '\ :targetlist '),
             '\{QUERY ', '\{query '
           ),
           ' :targetList '
         ) AS pieces
  FROM pg_rewrite AS rule
  JOIN pg_class AS relation ON relation.oid = rule.ev_class
  WHERE relation.relnamespace = ANY ($1::oid[])
    AND relation.relkind IN ('v', 'm')
    AND rule.ev_type = '1'
  OFFSET 0 -- the tree is taken apart once
) AS stored
CROSS JOIN LATERAL (
  SELECT min(counted.number)::int AS number
  FROM (
    SELECT piece.number,
           sum(
             (octet_length(piece.text) - octet_length(replace(piece.text, '{QUERY ', ''))) / octet_length('{QUERY ')
           ) OVER (ORDER BY piece.number) AS queries
    FROM unnest(stored.pieces) WITH ORDINALITY AS piece (text, number)
  ) AS counted
  WHERE counted.queries = counted.number
) AS outermost;
