SELECT name, path,
    toFloat64(total_space) AS total_bytes,
    toFloat64(free_space) AS free_bytes,
    toFloat64({disks.unreserved_space ? unreserved_space : free_space}) AS unreserved_bytes,
    toFloat64({disks.keep_free_space ? keep_free_space : 0}) AS keep_free_bytes,
    {disks.type ? toString(type) : 'local'} AS type,
    {disks.is_broken ? is_broken : 0} AS is_broken,
    {disks.is_read_only ? is_read_only : 0} AS is_read_only
FROM system.disks
ORDER BY name
LIMIT 200
