-- title: Do the same accounts use other proxies on other computers?
-- source: own
WITH used AS (
    SELECT DISTINCT machine, account_kind, proxy
    FROM waits
    WHERE account_kind IS NOT NULL AND proxy IS NOT NULL
)
SELECT account_kind, proxy, count(DISTINCT machine) AS computers, string_agg(DISTINCT machine, ', ' ORDER BY machine) AS which
FROM used
WHERE account_kind IN (SELECT account_kind FROM used GROUP BY account_kind HAVING count(DISTINCT proxy) > 1)
GROUP BY account_kind, proxy
ORDER BY account_kind, computers, proxy
