-- What links and leave to upload are signed with. The one at the least place signs, all are
-- believed; a server reads them when it starts.
CREATE TABLE link_secrets (
  place  bigint NOT NULL PRIMARY KEY,
  secret text   NOT NULL CHECK (secret ~ '^([0-9a-f]{2}){32,}$')
);
