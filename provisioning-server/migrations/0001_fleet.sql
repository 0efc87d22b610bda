-- The fleet: one row.
CREATE TABLE fleet (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    defaults TEXT NOT NULL
);

CREATE TABLE trust_roots (
    version BIGINT PRIMARY KEY,
    envelope TEXT NOT NULL
);

CREATE TABLE desks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    spec TEXT NOT NULL,
    signing_key TEXT,
    sealing_key TEXT,
    host TEXT,
    created BIGINT NOT NULL,
    enrolled BIGINT
);

-- Passwords under the vault key, never in the clear.
CREATE TABLE secrets (
    desk TEXT NOT NULL REFERENCES desks (id) ON DELETE CASCADE,
    account TEXT NOT NULL,
    locked BLOB NOT NULL,
    PRIMARY KEY (desk, account)
);

-- Signed configurations, ready to send.
CREATE TABLE configs (
    desk TEXT NOT NULL REFERENCES desks (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    issued BIGINT NOT NULL,
    envelope TEXT NOT NULL,
    PRIMARY KEY (desk, generation)
);

CREATE TABLE tickets (
    id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    desk TEXT REFERENCES desks (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    uses_left BIGINT NOT NULL CHECK (uses_left >= 0),
    created_by TEXT NOT NULL
);

CREATE TABLE ticket_uses (
    ticket TEXT NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    keys_hash TEXT NOT NULL,
    desk TEXT NOT NULL REFERENCES desks (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    PRIMARY KEY (ticket, keys_hash)
);

-- What each desk said last; the counts beside the sections are for sums over the fleet.
CREATE TABLE standings (
    desk TEXT PRIMARY KEY REFERENCES desks (id) ON DELETE CASCADE,
    boot TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    agent TEXT,
    config TEXT,
    accounts TEXT,
    calls TEXT,
    registered BIGINT NOT NULL,
    registering BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    other BIGINT NOT NULL,
    calls_active BIGINT NOT NULL
);

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    desk TEXT NOT NULL REFERENCES desks (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    level TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);

CREATE INDEX events_of_desk ON events (desk, id);

-- Append-only, chained by hash.
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE admins (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    admin TEXT NOT NULL REFERENCES admins (name) ON DELETE CASCADE,
    csrf TEXT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE admin_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT
);
