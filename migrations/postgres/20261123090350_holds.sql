-- Credit that is set aside before a request runs. The sum of what is open stands in `books`, and
-- both change together under the lock of the books.

create table holds (
    -- Also the id of the usage event that settles it. Ids rise with the time they were made at.
    id text primary key not null,
    organization_id text not null,
    project_id text not null,
    api_key_id text not null,
    -- The client's own id: a repeat finds the hold.
    client_id text check (length(client_id) between 1 and 200),
    model text not null references models (model),
    input_tokens bigint not null check (input_tokens >= 0),
    -- The most output that was asked for. Null: nothing was said, and it was estimated.
    requested_output_tokens bigint check (requested_output_tokens > 0),
    -- The most that enough credit would have been given for, and the most that was.
    wanted_output_tokens bigint not null check (wanted_output_tokens > 0),
    max_output_tokens bigint not null check (
        max_output_tokens between 1 and wanted_output_tokens
    ),
    -- The upper bound of what the request costs.
    amount_nano bigint not null check (amount_nano >= 0),
    state text not null check (state in ('open', 'captured', 'released', 'expired')),
    created_at bigint not null,
    -- Until when it counts unless it is prolonged.
    expires_at bigint not null check (expires_at > created_at),
    -- Since when nothing is set aside for it any more.
    closed_at bigint check (closed_at >= created_at),
    -- The usage event: only of a captured one.
    event_batch_no bigint,
    event_position bigint,
    foreign key (organization_id, project_id) references projects (organization_id, id),
    foreign key (organization_id, api_key_id) references api_keys (organization_id, id),
    check ((state = 'open') = (closed_at is null)),
    check ((state = 'captured') = (event_batch_no is not null)),
    check ((event_batch_no is null) = (event_position is null))
);

-- One hold for one id of the client's.
create unique index holds_by_client on holds (organization_id, client_id)
where client_id is not null;
-- Serves finding whose holds are due. What is due is soon closed, so there is never much of it.
create index holds_due on holds (expires_at) where state = 'open';
-- Serves what of an organization's is due, which every commit and every balance asks; with the
-- amount, so that what is due is added up from the index alone.
create index holds_due_by_organization on holds (organization_id, expires_at, amount_nano)
where state = 'open';
-- Serves what was held at a past instant.
create index holds_by_organization on holds (organization_id, created_at);
