-- The sources in DuckDB: facts, customers and rates as Parquet. Engine-specific; everything after it is portable.
-- Placeholders: ${facts} (file or pattern), ${customers} (file), ${rates} (file).

create or replace view facts as
select
  f.event_id, f.subscription_id, f.customer_id, f.event_type, f.occurred_at, f.plan, f.invoice_id, f.attempt,
  cast(date_trunc('month', f.occurred_at at time zone 'UTC') as date) as month,
  epoch_us(f.occurred_at) as micros,
  -- floor, also below zero; DuckDB's // is an integer division
  (f.amount_minor * r.rate_ppm - ((f.amount_minor * r.rate_ppm) % 1000000 + 1000000) % 1000000) // 1000000 as amount,
  (f.mrr12_minor * r.rate_ppm - ((f.mrr12_minor * r.rate_ppm) % 1000000 + 1000000) % 1000000) // 1000000 as mrr12
from read_parquet('${facts}') f
join read_parquet('${rates}') r on r.currency = f.currency;

create or replace view customers as
select customer_id, coalesce(nullif(channel, ''), 'unknown') as channel
from read_parquet('${customers}');

-- Months from one date to another, with their ordinal.
create or replace macro months_between(first_month, last_month) as table
select cast(month as date) as month, row_number() over (order by month) - 1 as i
from unnest(generate_series(cast(first_month as timestamp), cast(last_month as timestamp), interval 1 month)) as series(month);

-- What is computed once: the ledger of state changes.
create or replace table state_changes as
${state_changes};

create or replace table months as
select month, i from months_between((select min(month) from state_changes), (select max(month) from state_changes));
