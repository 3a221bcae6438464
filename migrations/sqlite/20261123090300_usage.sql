-- What was used. Costs are pico-dollars; what is posted to the ledger is whole nano-dollars, and
-- the organization's remainder is carried: sum of costs = 1000 x sum of posted + carry.

-- Who makes the ids of events, such as '/gateway/eu-1'.
create table usage_sources (
    no integer primary key not null,
    organization_id text not null references organizations (id),
    source text not null check (length(source) between 1 and 200),
    -- How an id becomes an event's key: 'uuid' and 'ulid' as they are, bit by bit; of any other
    -- text the first 128 bits of its SHA-256.
    key_form text not null check (key_form in ('uuid', 'ulid', 'hash')),
    unique (organization_id, source, key_form)
);

-- What events have in common: whose they are, and the price they were given.
create table usage_series (
    no integer primary key not null,
    organization_id text not null,
    project_id text not null,
    api_key_id text not null,
    model text not null,
    rate_effective_at bigint not null,
    unique (organization_id, project_id, api_key_id, model, rate_effective_at),
    foreign key (organization_id, project_id) references projects (organization_id, id),
    foreign key (organization_id, api_key_id) references api_keys (organization_id, id),
    foreign key (model, rate_effective_at) references model_rates (model, effective_at)
);

create table usage_batches (
    -- By which its events name it. Taken before they are written, so of two writers the batch
    -- with the lower number may be committed later.
    no integer primary key not null,
    -- The ledger's batch has the same id, unless nothing was left to post.
    id text not null unique,
    organization_id text not null references organizations (id),
    -- Counts the organization's batches in the order in which they were committed, from 1 and
    -- without a gap: taken under the lock of its books.
    sequence bigint not null check (sequence > 0),
    event_count bigint not null check (event_count > 0),
    -- How many versions of rates there were: its events are priced by one of those.
    rate_count bigint not null check (rate_count > 0),
    cost_pico bigint not null check (cost_pico >= 0),
    posted_nano bigint not null check (posted_nano >= 0),
    carry_before_pico bigint not null check (carry_before_pico between 0 and 999),
    carry_after_pico bigint not null check (carry_after_pico between 0 and 999),
    -- The day of it is the one that its events count towards.
    booked_at bigint not null,
    created_at bigint not null,
    -- Serves an organization's batches, newest or oldest first.
    unique (organization_id, sequence),
    check (carry_before_pico + cost_pico = 1000 * posted_nano + carry_after_pico)
);

create table usage_carries (
    organization_id text primary key not null references organizations (id),
    -- The `sequence` of its last usage batch, and what that could not post.
    sequence bigint not null check (sequence > 0),
    carry_pico bigint not null check (carry_pico between 0 and 999)
) without rowid;

-- Kept in the order in which they were counted: a new row always goes to the end, and the events
-- of a batch lie side by side. Batch, source and series are not foreign keys: to ask for each of
-- millions of events costs more than to write it. The proof asks.
create table usage_events (
    batch_no bigint not null,
    position bigint not null check (position >= 0),
    source_no bigint not null,
    series_no bigint not null,
    input_tokens bigint not null check (input_tokens >= 0),
    cached_input_tokens bigint not null check (cached_input_tokens between 0 and input_tokens),
    output_tokens bigint not null check (output_tokens >= 0),
    cost_pico bigint not null check (cost_pico >= 0),
    occurred_at bigint not null,
    status bigint,
    latency_ms bigint check (latency_ms >= 0),
    event_key blob not null check (length(event_key) = 16),
    -- The same id with other content is refused. The first 64 bits of the SHA-256 of the model and
    -- the tokens, then those of all else that was said; zeros: that is not compared.
    content_hash blob not null check (length(content_hash) = 16),
    -- The id, where the key is only its hash.
    event_id text,
    request_id text,
    -- Whom the sender names as its user, and what it says the request cost. Never ours.
    subject text,
    claimed_cost text,
    primary key (batch_no, position)
) without rowid;

-- One id counts once. The key comes first: ids that rise with time are then added at the end.
create unique index usage_events_by_key on usage_events (event_key, source_no);

-- The three tables below are sums of `usage_events`, made after the fact: what an organization's
-- watermark has passed is in the sums, and what lies above it is added when they are read. Delete
-- all three and they are made again.
create table usage_watermarks (
    organization_id text primary key not null references organizations (id),
    -- Of the last usage batch of the organization that is in the sums: all before it are, too.
    sequence bigint not null check (sequence >= 0)
) without rowid;

-- Usage by the hour in which requests ran (UTC, microseconds since 1970): analytics.
create table usage_hours (
    organization_id text not null,
    hour bigint not null check (hour % 3600000000 = 0),
    project_id text not null,
    api_key_id text not null,
    model text not null,
    requests bigint not null check (requests > 0),
    -- Those that ended with an HTTP status of 400 or above.
    errors bigint not null check (errors between 0 and requests),
    input_tokens bigint not null,
    cached_input_tokens bigint not null,
    output_tokens bigint not null,
    -- Sums of pico-dollars soon fill 63 bits: whole nano-dollars, and what is less than one.
    cost_nano bigint not null,
    cost_rest_pico bigint not null check (cost_rest_pico between 0 and 999),
    -- Of the requests that said how long they took.
    latency_count bigint not null check (latency_count between 0 and requests),
    latency_sum_ms bigint not null,
    -- How many of them were how slow: `bucket:count`, space between, as in '47:12 48:3'. Below
    -- 32 ms a bucket is a millisecond; above, each doubling has 16 buckets of the same width. Texts
    -- that are joined by a space add up.
    latencies text not null,
    primary key (organization_id, hour, project_id, api_key_id, model),
    foreign key (organization_id, project_id) references projects (organization_id, id),
    foreign key (organization_id, api_key_id) references api_keys (organization_id, id)
) without rowid;

-- Usage by the day it was booked (UTC): billing history's rows.
create table usage_days (
    organization_id text not null,
    day text not null,
    project_id text not null,
    model text not null,
    requests bigint not null,
    tokens bigint not null,
    cost_nano bigint not null,
    cost_rest_pico bigint not null check (cost_rest_pico between 0 and 999),
    -- Where the day's row stands in history: it never moves.
    first_booked_at bigint not null,
    primary key (organization_id, day, project_id, model),
    foreign key (organization_id, project_id) references projects (organization_id, id)
) without rowid;

create trigger usage_events_are_not_updated before update on usage_events
begin select raise(abort, 'usage events are append-only'); end;
create trigger usage_events_are_not_deleted before delete on usage_events
begin select raise(abort, 'usage events are append-only'); end;
create trigger usage_batches_are_not_updated before update on usage_batches
begin select raise(abort, 'usage batches are append-only'); end;
create trigger usage_batches_are_not_deleted before delete on usage_batches
begin select raise(abort, 'usage batches are append-only'); end;
