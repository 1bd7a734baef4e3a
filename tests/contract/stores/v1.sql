-- A store that the first release wrote, schema and rows; it never changes.
CREATE TABLE jobs (
  id         TEXT    NOT NULL PRIMARY KEY,
  owner      TEXT    NOT NULL,
  dialect    TEXT    NOT NULL,
  words      TEXT    NOT NULL,
  model      TEXT    NOT NULL,
  request    TEXT    NOT NULL,
  engine     TEXT    NOT NULL,
  created_ms INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  attempt    INTEGER NOT NULL,
  deaths     INTEGER NOT NULL,
  due_ms     INTEGER NOT NULL,
  size       TEXT,
  started_ms INTEGER,
  ended_ms   INTEGER,
  video      TEXT,
  usage      TEXT,
  failure    TEXT,
  is_hidden  INTEGER NOT NULL
) STRICT;
INSERT INTO jobs VALUES('0199f000-0000-7000-8000-000000000001','team-a','tasks','seed','wan2.7-i2v','{"model":"wan2.7-i2v","prompt":"一只猫 wakes up","first_frame":{"role":"first","param":"input.media[0].url","url":"https://example.com/cat.jpg"},"duration_s":5,"frame_rate":30,"seed":42,"size":null,"tier":"720P","last_frame":null,"negative_prompt":"","watermark":false,"generate_audio":null,"options":{},"version":1}','camera',1763600000001,'queued',0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES('0199f000-0000-7000-8000-000000000002','team-a','tasks','seed','wan2.7-i2v','{"model":"wan2.7-i2v","prompt":"一只猫 wakes up","first_frame":{"role":"first","param":"input.media[0].url","url":"https://example.com/cat.jpg"},"duration_s":5,"frame_rate":30,"seed":42,"size":null,"tier":"720P","last_frame":null,"negative_prompt":"","watermark":false,"generate_audio":null,"options":{},"version":1}','camera',1763600000002,'ready',0,0,1763600009000,'{"width":1280,"height":720}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES('0199f000-0000-7000-8000-000000000003','team-a','tasks','seed','wan2.7-i2v','{"model":"wan2.7-i2v","prompt":"一只猫 wakes up","first_frame":{"role":"first","param":"input.media[0].url","url":"https://example.com/cat.jpg"},"duration_s":5,"frame_rate":30,"seed":42,"size":null,"tier":"720P","last_frame":null,"negative_prompt":"","watermark":false,"generate_audio":null,"options":{},"version":1}','camera',1763600000003,'running',2,1,0,'{"width":1280,"height":720}',1763600005000,NULL,NULL,NULL,NULL,0);
INSERT INTO jobs VALUES('0199f000-0000-7000-8000-000000000004','team-a','tasks','seed','wan2.7-i2v','{"model":"wan2.7-i2v","prompt":"一只猫 wakes up","first_frame":{"role":"first","param":"input.media[0].url","url":"https://example.com/cat.jpg"},"duration_s":5,"frame_rate":30,"seed":42,"size":null,"tier":"720P","last_frame":null,"negative_prompt":"","watermark":false,"generate_audio":null,"options":{},"version":1}','camera',1763600000004,'succeeded',1,0,0,'{"width":832,"height":480}',1,2,'{"file_name":"video-1.mp4","width":832,"height":480,"duration_s":5.0,"frame_rate":30.0,"frame_count":150,"size_bytes":123456,"has_audio":true}','{"duration_s":5,"video_count":1,"tier_height":480}',NULL,0);
INSERT INTO jobs VALUES('0199f000-0000-7000-8000-000000000005','team-a','tasks','seed','wan2.7-i2v','{"model":"wan2.7-i2v","prompt":"一只猫 wakes up","first_frame":{"role":"first","param":"input.media[0].url","url":"https://example.com/cat.jpg"},"duration_s":5,"frame_rate":30,"seed":42,"size":null,"tier":"720P","last_frame":null,"negative_prompt":"","watermark":false,"generate_audio":null,"options":{},"version":1}','camera',1763600000005,'failed',0,0,0,NULL,NULL,3,NULL,'{"duration_s":0,"video_count":0,"tier_height":0}','{"code":"invalid_image","message":"too small","param":"input.first_frame_url"}',1);
CREATE INDEX jobs_hidden ON jobs (id) WHERE is_hidden = 1;
CREATE INDEX jobs_of_owner ON jobs (owner, id) WHERE is_hidden = 0;
CREATE INDEX jobs_unfinished ON jobs (id) WHERE state NOT IN ('succeeded', 'failed', 'cancelled');
PRAGMA user_version = 1;
