-- The rate card: prices by the time they take effect, as pico-dollars a token. Null: not billed.

create table models (
    model text primary key not null check (length(model) between 1 and 200),
    task text not null,
    parameters text not null,
    max_tokens bigint not null check (max_tokens > 0),
    -- Where it stands in the list.
    position bigint not null,
    -- Counts the changes to models: whoever has them in memory sees by the greatest of them all
    -- that they are old.
    revision bigint not null check (revision > 0)
);

create table model_rates (
    -- Counts the versions in the order in which they were committed, from 1 and without a gap.
    no bigint not null unique check (no > 0),
    model text not null references models (model),
    effective_at bigint not null,
    input_pico bigint check (input_pico >= 0),
    cached_input_pico bigint check (cached_input_pico >= 0),
    output_pico bigint check (output_pico >= 0),
    created_at bigint not null,
    primary key (model, effective_at)
);

-- Other providers' prices, for comparing.
create table comparison_rates (
    provider text not null,
    model text not null,
    effective_at bigint not null,
    name text not null,
    input_pico bigint not null check (input_pico >= 0),
    output_pico bigint not null check (output_pico >= 0),
    position bigint not null,
    created_at bigint not null,
    primary key (provider, model, effective_at)
);

-- What was charged by a rate must stay readable: a new price is a new version.
create trigger model_rates_are_not_updated before update on model_rates
begin select raise(abort, 'rates are append-only'); end;
create trigger model_rates_are_not_deleted before delete on model_rates
begin select raise(abort, 'rates are append-only'); end;
-- `insert or replace` by whoever is not us deletes without asking the trigger above.
create trigger model_rates_are_not_replaced before insert on model_rates
when exists (select 1 from model_rates where no = new.no)
begin select raise(abort, 'rates are append-only'); end;
