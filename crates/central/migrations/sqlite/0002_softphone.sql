-- What every softphone of the tenant is told. Codecs: a JSON list of their words, best first.
ALTER TABLE tenant ADD COLUMN softphone_codecs TEXT NOT NULL DEFAULT '["opus","g722","pcma","pcmu"]';
ALTER TABLE tenant ADD COLUMN softphone_echo_cancellation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tenant ADD COLUMN softphone_rtp_first INTEGER NOT NULL DEFAULT 16384;
ALTER TABLE tenant ADD COLUMN softphone_rtp_last INTEGER NOT NULL DEFAULT 32767;
