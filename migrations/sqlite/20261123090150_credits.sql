-- Credit that the operator gave. What it came to is in the ledger, under the source 'grant:<key>'.

create table credit_grants (
    -- Of the operator's choice: the same key gives once.
    key text primary key not null check (length(key) between 1 and 100),
    organization_id text not null references organizations (id),
    amount_nano bigint not null check (amount_nano > 0),
    reason text not null check (length(reason) between 1 and 200),
    -- The lower is used first.
    priority bigint not null check (priority between -100 and 100),
    granted_at bigint not null,
    -- Null: never.
    expires_at bigint check (expires_at > granted_at)
);

create trigger credit_grants_are_not_updated before update on credit_grants
begin select raise(abort, 'credit grants are append-only'); end;
create trigger credit_grants_are_not_deleted before delete on credit_grants
begin select raise(abort, 'credit grants are append-only'); end;
