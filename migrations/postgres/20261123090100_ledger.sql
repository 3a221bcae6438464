-- Double entry. Batches, transfers and postings are written once and never changed: the triggers
-- below refuse it. Amounts are nano-dollars.

create table accounts (
    -- '<organization id>:prepaid', 'platform:usage_revenue'
    id text primary key not null,
    organization_id text references organizations (id),
    kind text not null,
    normal_side text not null check (normal_side in ('debit', 'credit')),
    -- The least the balance may be. Null: not limited.
    minimum_nano bigint,
    -- The running balance on the account's normal side. Only an organization's accounts carry
    -- one: a platform account is summed when asked, so it is never a hot row.
    balance_nano bigint,
    posting_count bigint not null default 0 check (posting_count >= 0),
    created_at bigint not null,
    unique (organization_id, kind),
    check (id = coalesce(organization_id, 'platform') || ':' || kind),
    check ((organization_id is null) = (balance_nano is null)),
    check (minimum_nano is null or balance_nano >= minimum_nano)
);

-- The head of an organization's books: the one row that is locked before anything is posted.
create table books (
    organization_id text primary key not null references organizations (id),
    -- How many batches there are; the next one's sequence is one more.
    batch_count bigint not null check (batch_count >= 0),
    -- Credit-normal less debit-normal accounts: what the organization has.
    balance_nano bigint not null,
    -- The newest batch's booked_at: bookings never go back in time.
    booked_at bigint not null,
    -- The newest batch's chain_hash; of empty books 64 zeros.
    chain_hash text not null check (length(chain_hash) = 64)
);

create table batches (
    id text primary key not null,
    organization_id text not null references organizations (id),
    -- What caused it, such as 'topup:<id>'. Unique: a replay finds what is there.
    source text not null unique check (length(source) between 1 and 200),
    code text not null,
    sequence bigint not null check (sequence > 0),
    -- The organization's balance after it.
    balance_nano bigint not null,
    booked_at bigint not null,
    created_at bigint not null,
    -- SHA-256 in hex over the batch before it and all that this one says: whoever kept one hash
    -- can tell that nothing before it was changed, added or left out.
    chain_hash text not null check (length(chain_hash) = 64),
    unique (organization_id, sequence)
);

-- Serves the balance at the end of each day.
create index batches_by_time on batches (organization_id, booked_at, sequence);

create table transfers (
    id text primary key not null,
    batch_id text not null references batches (id),
    position bigint not null check (position >= 0),
    debit_account_id text not null references accounts (id),
    credit_account_id text not null references accounts (id),
    amount_nano bigint not null check (amount_nano > 0),
    unique (batch_id, position),
    check (debit_account_id <> credit_account_id)
);

-- One side of a transfer on an organization's account, with the balance after it.
create table postings (
    account_id text not null references accounts (id),
    sequence bigint not null check (sequence > 0),
    transfer_id text not null references transfers (id),
    -- Above zero where it raises the balance.
    amount_nano bigint not null check (amount_nano <> 0),
    balance_nano bigint not null,
    booked_at bigint not null,
    primary key (account_id, sequence)
);

-- Serves the balance at a past instant.
create index postings_by_time on postings (account_id, booked_at, sequence);
-- Serves opening a batch down to its postings.
create index postings_by_transfer on postings (transfer_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% are append-only', replace(tg_table_name, '_', ' ');
end
$$;

create trigger batches_are_not_changed before update or delete or truncate on batches
for each statement execute function refuse_change();
create trigger transfers_are_not_changed before update or delete or truncate on transfers
for each statement execute function refuse_change();
create trigger postings_are_not_changed before update or delete or truncate on postings
for each statement execute function refuse_change();
