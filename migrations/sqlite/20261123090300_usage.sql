-- What was used. Costs are pico-dollars; what is posted to the ledger is whole nano-dollars, and
-- the organization's remainder is carried: sum of costs = 1000 x sum of posted + carry.

create table usage_batches (
    -- The ledger's batch has the same id, unless nothing was left to post.
    id text primary key not null,
    organization_id text not null references organizations (id),
    event_count bigint not null check (event_count > 0),
    cost_pico bigint not null check (cost_pico >= 0),
    posted_nano bigint not null check (posted_nano >= 0),
    carry_before_pico bigint not null check (carry_before_pico between 0 and 999),
    carry_after_pico bigint not null check (carry_after_pico between 0 and 999),
    -- The day of it is the one that its events count towards.
    booked_at bigint not null,
    created_at bigint not null,
    check (carry_before_pico + cost_pico = 1000 * posted_nano + carry_after_pico)
);

-- Serves the proof, organization by organization.
create index usage_batches_by_organization on usage_batches (organization_id);

create table usage_carries (
    organization_id text primary key not null references organizations (id),
    carry_pico bigint not null check (carry_pico between 0 and 999)
);

create table usage_events (
    organization_id text not null references organizations (id),
    source text not null,
    event_id text not null,
    -- SHA-256 of the content in hex: the same id with other content is refused.
    content_hash text not null,
    batch_id text not null references usage_batches (id),
    project_id text not null references projects (id),
    api_key_id text not null references api_keys (id),
    model text not null,
    rate_effective_at bigint not null,
    input_tokens bigint not null check (input_tokens >= 0),
    cached_input_tokens bigint not null check (cached_input_tokens between 0 and input_tokens),
    output_tokens bigint not null check (output_tokens >= 0),
    cost_pico bigint not null check (cost_pico >= 0),
    status bigint,
    latency_ms bigint check (latency_ms >= 0),
    request_id text,
    occurred_at bigint not null,
    received_at bigint not null,
    primary key (organization_id, source, event_id),
    foreign key (model, rate_effective_at) references model_rates (model, effective_at)
);

-- Serves the proof: the events of a batch.
create index usage_events_by_batch on usage_events (batch_id);

-- Usage by the day it was booked (UTC): billing history's rows.
create table usage_days (
    organization_id text not null references organizations (id),
    day text not null,
    project_id text not null references projects (id),
    model text not null,
    requests bigint not null,
    tokens bigint not null,
    cost_pico bigint not null,
    -- Where the day's row stands in history: it never moves.
    first_booked_at bigint not null,
    primary key (organization_id, day, project_id, model)
);

create trigger usage_events_are_not_updated before update on usage_events
begin select raise(abort, 'usage events are append-only'); end;
create trigger usage_events_are_not_deleted before delete on usage_events
begin select raise(abort, 'usage events are append-only'); end;
create trigger usage_batches_are_not_updated before update on usage_batches
begin select raise(abort, 'usage batches are append-only'); end;
create trigger usage_batches_are_not_deleted before delete on usage_batches
begin select raise(abort, 'usage batches are append-only'); end;

-- `insert or replace` deletes without asking the triggers above.
create trigger usage_events_are_not_replaced before insert on usage_events
when exists (select 1 from usage_events where organization_id = new.organization_id
    and source = new.source and event_id = new.event_id)
begin select raise(abort, 'usage events are append-only'); end;
create trigger usage_batches_are_not_replaced before insert on usage_batches
when exists (select 1 from usage_batches where id = new.id)
begin select raise(abort, 'usage batches are append-only'); end;
