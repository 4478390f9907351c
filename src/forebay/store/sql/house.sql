-- name: keep_house_mark
INSERT INTO house (name, mark) VALUES (:name, :mark)
ON CONFLICT (name) DO NOTHING;

-- name: get_house_mark
SELECT mark FROM house WHERE name = :name;

-- name: read_clock (postgres)
SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now;
