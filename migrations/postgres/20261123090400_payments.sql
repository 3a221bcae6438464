-- Saved cards, top-ups and the money they move. No card number is ever here: a gateway's token,
-- brand, last four, expiry, country and fingerprint are all that is known.
--
-- What a gateway named is unique within its account there (`live:acct_…`, `test:…`) and means
-- nothing to another, so the account stands beside each such name.

create table gateway_customers (
    organization_id text not null references organizations (id),
    gateway_account text not null,
    gateway_customer text not null,
    created_at bigint not null,
    primary key (organization_id, gateway_account),
    unique (gateway_account, gateway_customer)
);

create table payment_methods (
    id text primary key not null,
    organization_id text not null references organizations (id),
    gateway_account text not null,
    gateway_method text not null,
    brand text not null,
    last_four text not null check (length(last_four) = 4),
    expiry_month bigint not null check (expiry_month between 1 and 12),
    expiry_year bigint not null check (expiry_year between 2000 and 2100),
    country text,
    -- The gateway's: the same card has the same one.
    fingerprint text,
    is_default bigint not null check (is_default in (0, 1)),
    created_at bigint not null,
    removed_at bigint,
    unique (gateway_account, gateway_method),
    -- Named by what is paid with the card.
    unique (organization_id, id)
);

-- At most one default, and a card is saved once.
create unique index payment_methods_default on payment_methods (organization_id, gateway_account)
    where is_default = 1 and removed_at is null;
create unique index payment_methods_by_card
    on payment_methods (organization_id, gateway_account, fingerprint)
    where removed_at is null;

-- Cards that the gateway is to forget: each that may be attached there and is not saved here.
create table gateway_detachments (
    gateway_account text not null,
    gateway_method text not null,
    organization_id text not null references organizations (id),
    -- When the gateway may be asked next.
    detach_at bigint not null,
    created_at bigint not null,
    primary key (gateway_account, gateway_method)
);

-- Serves asking the gateway: what is due, longest waiting first.
create index gateway_detachments_due on gateway_detachments (gateway_account, detach_at);

create table top_ups (
    -- Made by the browser: a repeat of the same act has the same id.
    id text primary key not null,
    organization_id text not null references organizations (id),
    requested_by text not null references users (id),
    amount_cents bigint not null check (amount_cents > 0),
    -- The gateway's token of the card it is paid with.
    gateway_method text not null,
    -- The saved card that was chosen. Null: a new one, which is saved once it has paid.
    payment_method_id text,
    state text not null check (
        state in ('processing', 'requires_action', 'succeeded', 'failed', 'canceled')
    ),
    -- Why it failed: only then.
    decline_reason text,
    -- The bank's page: only while it waits for the person.
    action_url text,
    -- What went back to the card, refunds that are under way among it.
    refunded_cents bigint not null default 0
        check (refunded_cents between 0 and amount_cents),
    -- What banks took for disputes: until they decide, and for good.
    disputed_cents bigint not null default 0 check (disputed_cents >= 0),
    reversed_cents bigint not null default 0 check (reversed_cents >= 0),
    created_at bigint not null,
    -- Since when it has its state.
    updated_at bigint not null,
    -- Named by the top-up's payment.
    unique (organization_id, id),
    foreign key (organization_id, payment_method_id)
        references payment_methods (organization_id, id),
    check ((state = 'failed') = (decline_reason is not null)),
    check (state = 'requires_action' or action_url is null),
    check (state = 'succeeded' or (refunded_cents = 0 and disputed_cents = 0 and reversed_cents = 0))
);

-- Serves history, newest first.
create index top_ups_by_organization on top_ups (organization_id, created_at, id);

create table payments (
    -- Also the gateway's idempotency key, stored before the first try.
    id text primary key not null,
    organization_id text not null,
    top_up_id text not null unique,
    amount_cents bigint not null check (amount_cents > 0),
    gateway_account text not null,
    -- Whom the gateway was told to charge: it stays when the organization is made known anew.
    gateway_customer text not null,
    gateway_intent text,
    fee_cents bigint check (fee_cents >= 0),
    state text not null check (state in ('pending', 'succeeded', 'failed', 'canceled')),
    -- When reconciliation may ask the gateway next.
    ask_at bigint not null,
    -- The card as it was: a saved one when it was chosen, a new one when it had paid.
    card_brand text,
    card_last_four text,
    card_expiry_month bigint,
    card_expiry_year bigint,
    card_country text,
    created_at bigint not null,
    updated_at bigint not null,
    unique (gateway_account, gateway_intent),
    foreign key (organization_id, top_up_id) references top_ups (organization_id, id)
);

-- Serves reconciliation: what waits for an answer of one account, longest first.
create index payments_pending on payments (gateway_account, ask_at) where state = 'pending';

-- Credit that goes back to the card that paid for it.
create table refunds (
    -- Made by whoever asks: also the gateway's idempotency key, stored before the first try.
    id text primary key not null,
    organization_id text not null,
    top_up_id text not null,
    amount_cents bigint not null check (amount_cents > 0),
    -- Who wanted it: a person, the operator, or somebody in the gateway's own pages.
    origin text not null check (origin in ('self_service', 'operator', 'gateway')),
    requested_by text references users (id),
    -- The operator's, in words.
    reason text check (length(reason) between 1 and 200),
    gateway_account text not null,
    gateway_refund text,
    -- What the gateway kept for it.
    fee_cents bigint not null default 0 check (fee_cents >= 0),
    state text not null check (state in ('processing', 'succeeded', 'failed')),
    -- The gateway's word for why it failed: only then.
    failure_code text,
    -- When reconciliation may ask the gateway next. Null: there is nothing left to ask.
    ask_at bigint,
    requested_at bigint not null,
    -- When the gateway was asked for the first time: its key is as old. Null: it never was.
    first_asked_at bigint,
    updated_at bigint not null,
    unique (gateway_account, gateway_refund),
    foreign key (organization_id, top_up_id) references top_ups (organization_id, id),
    check ((origin = 'self_service') = (requested_by is not null)),
    check ((origin = 'operator') = (reason is not null)),
    check ((state = 'failed') = (failure_code is not null))
);

-- Serves what was given back of a top-up.
create index refunds_by_top_up on refunds (organization_id, top_up_id);
-- Serves history, newest first.
create index refunds_by_organization on refunds (organization_id, requested_at, id);
-- Serves reconciliation: what may still change, longest waiting first.
create index refunds_due on refunds (gateway_account, ask_at) where ask_at is not null;
-- Serves telling the operator what is under way for a day, whichever account it waits for.
create index refunds_under_way on refunds (requested_at, id) where state = 'processing';

-- What card owners complained about at their banks, as it stands by the gateway's newest word.
create table disputes (
    id text primary key not null,
    organization_id text not null,
    top_up_id text not null,
    gateway_account text not null,
    gateway_dispute text not null,
    -- The gateway's word, such as 'fraudulent'.
    reason text not null,
    stage text not null check (stage in ('inquiry', 'open', 'won', 'lost', 'closed')),
    -- What the card's owner wants back.
    amount_cents bigint not null check (amount_cents >= 0),
    -- What the bank has taken by now, and what the gateway keeps for it.
    withdrawn_cents bigint not null check (withdrawn_cents >= 0),
    fee_cents bigint not null check (fee_cents >= 0),
    -- What of it the organization's credit bears; the rest had been refunded and is our loss.
    reversed_cents bigint not null check (reversed_cents between 0 and withdrawn_cents),
    -- How often the bank has moved money for it: a word that knows of fewer is an old one.
    gateway_movements bigint not null check (gateway_movements >= 0),
    -- How many batches it has in the ledger: 'dispute:<id>:…'.
    movement_count bigint not null check (movement_count >= 0),
    opened_at bigint not null,
    updated_at bigint not null,
    -- When the operator allowed automatic charges again.
    released_at bigint,
    unique (gateway_account, gateway_dispute),
    foreign key (organization_id, top_up_id) references top_ups (organization_id, id)
);

-- Serves what is disputed of a top-up and of an organization.
create index disputes_by_top_up on disputes (organization_id, top_up_id);

-- Charges that a card network holds for fraud, before anybody has complained.
create table fraud_warnings (
    gateway_account text not null,
    gateway_warning text not null,
    organization_id text not null,
    top_up_id text not null,
    warned_at bigint not null,
    received_at bigint not null,
    primary key (gateway_account, gateway_warning),
    foreign key (organization_id, top_up_id) references top_ups (organization_id, id)
);

-- Serves an organization's warnings.
create index fraud_warnings_by_organization on fraud_warnings (organization_id, warned_at);

-- What a gateway told us: each is applied once.
create table gateway_events (
    id text primary key not null,
    kind text not null,
    gateway_intent text,
    outcome text not null check (
        outcome in ('applied', 'ignored', 'conflicting', 'unreadable', 'parked')
    ),
    -- By the gateway's clock.
    occurred_at bigint not null,
    received_at bigint not null
);

-- Serves forgetting what is too old to be sent again.
create index gateway_events_by_receipt on gateway_events (received_at);
