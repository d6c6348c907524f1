-- What every softphone of the tenant is told. Codecs: a JSON list of their words, best first.
ALTER TABLE tenant ADD COLUMN softphone_codecs TEXT COLLATE "C" NOT NULL DEFAULT '["opus","g722","pcma","pcmu"]';
ALTER TABLE tenant ADD COLUMN softphone_echo_cancellation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE tenant ADD COLUMN softphone_rtp_first BIGINT NOT NULL DEFAULT 16384;
ALTER TABLE tenant ADD COLUMN softphone_rtp_last BIGINT NOT NULL DEFAULT 32767;
