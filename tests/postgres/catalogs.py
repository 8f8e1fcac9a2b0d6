"""What a schema holds, as the catalogs say it, and without the schema's own name."""

from __future__ import annotations

from typing import Any

# Each gives a kind of object's name, and what can be said of it.
_QUERIES = {
    "column": """
        select c.relname || '.' || a.attname,
          jsonb_build_object(
            'number', a.attnum,
            'type', format_type(a.atttypid, a.atttypmod),
            'not null', a.attnotnull,
            'default', pg_get_expr(d.adbin, d.adrelid),
            'collation', a.attcollation::regcollation::text
          )
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'v', 'c')
    """,
    "relation": """
        select c.relname,
          jsonb_build_object('kind', c.relkind, 'persistence', c.relpersistence, 'acl', c.relacl)
        from pg_class c
        where c.relnamespace = $1::regnamespace and c.relkind <> 'i'
    """,
    "index": """
        select i.indexrelid::regclass::text,
          jsonb_build_object(
            'definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid,
            'primary', i.indisprimary
          )
        from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = $1::regnamespace
    """,
    "constraint": """
        select k.conname, to_jsonb(pg_get_constraintdef(k.oid))
        from pg_constraint k
        where k.connamespace = $1::regnamespace and k.contype <> 'n'
    """,
    "sequence": """
        select s.sequencename, to_jsonb(s) - 'last_value' - 'sequenceowner' - 'schemaname'
        from pg_sequences s where s.schemaname = $1
    """,
    "function": """
        select p.proname,
          jsonb_build_object(
            'arguments', pg_get_function_arguments(p.oid),
            'result', pg_get_function_result(p.oid),
            'kind', p.prokind, 'strict', p.proisstrict, 'definer', p.prosecdef,
            'language', (select lanname from pg_language l where l.oid = p.prolang),
            'volatility', p.provolatile, 'parallel', p.proparallel, 'settings', p.proconfig,
            'acl', p.proacl
          )
        from pg_proc p where p.pronamespace = $1::regnamespace
    """,
    "trigger": """
        select t.tgname, to_jsonb(pg_get_triggerdef(t.oid))
        from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = $1::regnamespace and not t.tgisinternal
    """,
    "schema": """
        select 'acl', to_jsonb(n.nspacl) from pg_namespace n where n.nspname = $1
    """,
}


async def catalog(conn: Any, schema: str) -> dict[str, str]:
    """Return what the schema holds: `kind name property` to its value."""
    found: dict[str, str] = {}
    for kind, query in _QUERIES.items():
        flat = f"""
            select q.name, coalesce(e.key, ''), coalesce(e.value, q.told) #>> '{{}}'
            from ({query}) q (name, told)
            left join lateral jsonb_each(
              case jsonb_typeof(q.told) when 'object' then q.told end
            ) e on true
        """
        for name, about, value in await conn.fetch(flat, schema):
            found[f"{kind} {name} {about}".rstrip()] = value
    return found
