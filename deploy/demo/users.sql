-- The digest users of the demo's and the lab's Kamailio.
CREATE TABLE subscriber (
    username TEXT NOT NULL,
    domain   TEXT NOT NULL,
    password TEXT NOT NULL,
    PRIMARY KEY (username, domain)
);
