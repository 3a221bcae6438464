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
    chain_hash text not null check (length(chain_hash) = 64),
    -- What is set aside for requests that run, and for how many. A note beside the books: nothing
    -- is moved for it, so nothing is posted.
    held_nano bigint not null default 0 check (held_nano >= 0),
    hold_count bigint not null default 0 check (hold_count >= 0)
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
-- Serves the history of credit that was given, that expired and that was disputed, among much usage.
create index batches_of_credit on batches (organization_id, booked_at, id)
where code in ('grant', 'grant_expiry', 'dispute');
-- Serves what refunds and disputes have taken of each lot.
create index batches_of_money_back on batches (organization_id)
where code in ('refund', 'refund_failed', 'dispute');

-- Where the value on an organization's prepaid and promotional accounts is from, and until when it
-- counts: what is left of an account's lots is together the account's balance.
create table lots (
    id text primary key not null,
    organization_id text not null references organizations (id),
    -- The account that its value is part of.
    account_kind text not null check (account_kind in ('prepaid', 'promotional')),
    -- The organization's batch that opened it.
    batch_sequence bigint not null,
    -- The lower is used first.
    priority bigint not null,
    granted_nano bigint not null check (granted_nano > 0),
    remaining_nano bigint not null check (remaining_nano between 0 and granted_nano),
    opened_at bigint not null,
    -- From then on nothing is paid from it. Null: it never expires.
    expires_at bigint check (expires_at > opened_at),
    -- Of its own, so that an index on open lots is not written with each amount that is used.
    is_open bigint not null generated always as (case when remaining_nano > 0 then 1 else 0 end) stored,
    foreign key (organization_id, batch_sequence) references batches (organization_id, sequence)
);

-- Serves what an organization can pay with. The burn order is made in memory: such lots are few.
create index lots_open on lots (organization_id) where is_open = 1;
-- Serves finding what has expired.
create index lots_due on lots (expires_at) where is_open = 1 and expires_at is not null;
-- Serves an organization's list of lots, and its history of those that expire.
create index lots_by_organization on lots (organization_id, opened_at, id);

create table transfers (
    id text primary key not null,
    batch_id text not null references batches (id),
    position bigint not null check (position >= 0),
    debit_account_id text not null references accounts (id),
    credit_account_id text not null references accounts (id),
    amount_nano bigint not null check (amount_nano > 0),
    -- The lot that it draws on or fills, where one side is kept in lots.
    lot_id text references lots (id),
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

create trigger batches_are_not_updated before update on batches
begin select raise(abort, 'batches are append-only'); end;
create trigger batches_are_not_deleted before delete on batches
begin select raise(abort, 'batches are append-only'); end;
create trigger transfers_are_not_updated before update on transfers
begin select raise(abort, 'transfers are append-only'); end;
create trigger transfers_are_not_deleted before delete on transfers
begin select raise(abort, 'transfers are append-only'); end;
create trigger postings_are_not_updated before update on postings
begin select raise(abort, 'postings are append-only'); end;
create trigger postings_are_not_deleted before delete on postings
begin select raise(abort, 'postings are append-only'); end;
-- What is left of a lot changes, nothing else of it.
create trigger lots_are_not_updated before update of
    id, organization_id, account_kind, batch_sequence, priority, granted_nano,
    opened_at, expires_at on lots
begin select raise(abort, 'lots are append-only'); end;
create trigger lots_are_not_deleted before delete on lots
begin select raise(abort, 'lots are append-only'); end;
