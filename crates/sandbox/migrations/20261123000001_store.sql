-- The processor's own store. It belongs to the sandbox alone: nothing of the billing side is in it,
-- and no full card number ever is.

-- The keys a client signs in with, the webhook secret, the moved clock.
create table settings (
    name text primary key not null,
    value text not null
);

-- Every object that has an id in the API. `state` is the object's own JSON; what is searched for
-- stands in columns beside it.
create table objects (
    position integer primary key autoincrement,
    id text not null unique,
    kind text not null,
    customer text,
    payment_intent text,
    charge text,
    created integer not null,
    state text not null check (json_valid(state))
);

-- Lists are newest first, by kind and one of the owners.
create index objects_by_kind on objects (kind, position);
create index objects_by_customer on objects (kind, customer, position) where customer is not null;
create index objects_by_intent on objects (kind, payment_intent, position) where payment_intent is not null;
create index objects_by_charge on objects (kind, charge, position) where charge is not null;

-- What happened, written in the transaction in which it happened, and never changed.
create table events (
    position integer primary key autoincrement,
    id text not null unique,
    type text not null,
    created integer not null,
    body text not null check (json_valid(body))
);

create index events_by_type on events (type, position);

create trigger events_are_not_updated before update on events
begin
    select raise(abort, 'events are append-only');
end;

create trigger events_are_not_deleted before delete on events
begin
    select raise(abort, 'events are append-only');
end;

-- One row for each time an event is to arrive at the webhook address.
create table deliveries (
    id integer primary key autoincrement,
    event text not null references events (id),
    state text not null check (state in ('waiting', 'held', 'delivered', 'abandoned', 'lost')),
    due_at integer not null,
    rank integer not null,
    attempts integer not null default 0,
    last_status integer,
    last_error text
);

-- The worker's question: what is due next?
create index deliveries_by_due on deliveries (due_at, rank) where state = 'waiting';
create index deliveries_by_event on deliveries (event);

-- What the world does later without being asked: disputes, slow refunds, slow payments.
create table outcomes (
    id integer primary key autoincrement,
    due_at integer not null,
    outcome text not null check (json_valid(outcome))
);

create index outcomes_by_due on outcomes (due_at, id);

-- The first result of every idempotency key, for a day.
create table idempotency_keys (
    key text primary key not null,
    path text not null,
    parameters blob not null,
    request text not null,
    status integer not null,
    body text not null,
    created integer not null
);

create index idempotency_keys_by_age on idempotency_keys (created);

-- Faults ordered by control calls and not yet used up.
create table faults (
    id integer primary key autoincrement,
    fault text not null,
    target text,
    remaining integer not null check (remaining > 0),
    seconds integer not null default 0
);

-- Attempts whose first answer was lost before anything was done, so that the second one works.
create table lost_attempts (
    attempt text primary key not null
);
