-- The sources in Athena (engine version 3, Trino SQL). Placeholders: ${bucket} (s3://.../ with a slash at its end), ${database}.
-- `facts.parquet` and `customers.parquet` are what a run of the reports leaves beside its marts; put each into a folder of its own.

create external table ${database}.facts_raw (
  event_id string, subscription_id string, customer_id string, event_type string, occurred_at timestamp, plan string, `interval` string,
  quantity int, currency string, amount_minor bigint, mrr12_minor bigint, invoice_id string, attempt tinyint, reason string,
  recorded_at timestamp, list12_minor bigint, tax_minor bigint, gateway string, method string, code string, coupon string,
  storefront string, period_end timestamp, sku string, arm string
) stored as parquet location '${bucket}facts/';

create external table ${database}.customers_raw (
  customer_id string, acquired_at timestamp, channel string, currency string, country string, storefront string, arm string
) stored as parquet location '${bucket}customers/';

create external table ${database}.rates (currency string, rate_ppm bigint) stored as parquet location '${bucket}rates/';

create or replace view ${database}.facts as
select
  f.event_id, f.subscription_id, f.customer_id, f.event_type, f.occurred_at, f.plan, f.invoice_id, f.attempt,
  cast(date_trunc('month', f.occurred_at) as date) as month,
  cast(to_unixtime(f.occurred_at) * 1000000 as bigint) as micros,
  (f.amount_minor * r.rate_ppm - mod(mod(f.amount_minor * r.rate_ppm, 1000000) + 1000000, 1000000)) / 1000000 as amount,
  (f.mrr12_minor * r.rate_ppm - mod(mod(f.mrr12_minor * r.rate_ppm, 1000000) + 1000000, 1000000)) / 1000000 as mrr12
from ${database}.facts_raw f
join ${database}.rates r on r.currency = f.currency;

create or replace view ${database}.customers as
select customer_id, coalesce(nullif(channel, ''), 'unknown') as channel
from ${database}.customers_raw;

create table ${database}.state_changes with (format = 'PARQUET', write_compression = 'ZSTD') as
${state_changes};

create or replace view ${database}.months as
select month, row_number() over (order by month) - 1 as i
from (select min(month) as first_month, max(month) as last_month from ${database}.state_changes)
cross join unnest(sequence(first_month, last_month, interval '1' month)) as series(month);
