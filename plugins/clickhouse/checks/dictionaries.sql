SELECT {dictionaries.database ? if(database = '', name, concat(database, '.', name)) : name} AS name,
    {dictionaries.status ? toString(status) : if(last_exception = '' OR element_count > 0,
        'LOADED', 'FAILED')} AS status,
    toString(type) AS type, element_count, bytes_allocated,
    nullIf(toUnixTimestamp({dictionaries.last_successful_update_time ? last_successful_update_time
        : {dictionaries.creation_time ? creation_time : toDateTime(0)}}) * 1000, 0) AS updated,
    substring(last_exception, 1, 1000) AS last_exception
FROM system.dictionaries
ORDER BY last_exception != '' DESC, name
LIMIT 10000
