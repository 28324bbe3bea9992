-- title: Whose clock is wrong, and by how much?
-- source: own
-- parameters: seconds=60
SELECT machine AS computer, round(max_by(offset_s, abs(offset_s)), 1) AS offset_s, count(*) AS measured
FROM clocks
WHERE abs(offset_s) >= CAST($seconds AS DOUBLE)
GROUP BY machine
ORDER BY abs(max_by(offset_s, abs(offset_s))) DESC, computer
