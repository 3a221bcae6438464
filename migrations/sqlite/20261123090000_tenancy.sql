-- People, organizations and what belongs to them.
--
-- What belongs to an organization is named together with it, here and in the tables to come: no
-- row can name another organization's project, key or member.

create table users (
    id text primary key not null,
    -- Lower case: one address is one person.
    email text not null unique check (email = lower(email) and length(email) between 3 and 254),
    -- Argon2id in PHC form.
    password_hash text not null,
    created_at bigint not null
);

create table organizations (
    id text primary key not null,
    name text not null check (length(name) between 1 and 100),
    created_at bigint not null
);

create table memberships (
    user_id text not null references users (id),
    organization_id text not null references organizations (id),
    role text not null check (role in ('owner', 'billing_admin', 'member', 'finance')),
    created_at bigint not null,
    primary key (user_id, organization_id)
);

create table projects (
    id text primary key not null,
    organization_id text not null references organizations (id),
    name text not null check (length(name) between 1 and 100),
    created_at bigint not null,
    unique (organization_id, name),
    -- Named by what belongs to the project.
    unique (organization_id, id)
);

create table api_keys (
    id text primary key not null,
    organization_id text not null references organizations (id),
    project_id text not null,
    name text not null check (length(name) between 1 and 100),
    -- SHA-256 of the secret in hex. The secret has 192 random bits, so a fast hash is enough.
    secret_hash text not null unique,
    last_four text not null check (length(last_four) = 4),
    created_at bigint not null,
    revoked_at bigint,
    -- Named by what was reported with the key.
    unique (organization_id, id),
    foreign key (organization_id, project_id) references projects (organization_id, id)
);

-- Serves the list of an organization's keys.
create index api_keys_by_organization on api_keys (organization_id, created_at);

create table sessions (
    -- SHA-256 of the cookie's token in hex.
    token_hash text primary key not null,
    user_id text not null,
    organization_id text not null,
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null,
    -- Whoever stops being a member is signed out.
    foreign key (user_id, organization_id) references memberships (user_id, organization_id)
        on delete cascade
);

-- Serves removing what has expired.
create index sessions_by_expiry on sessions (expires_at);

-- Sign-ins that were tried and have not succeeded, by address of mail and by address of the client.
create table sign_in_failures (
    subject text primary key not null,
    failures bigint not null check (failures >= 0),
    last_failed_at bigint not null
);

-- Serves removing counts that are forgotten.
create index sign_in_failures_by_time on sign_in_failures (last_failed_at);
