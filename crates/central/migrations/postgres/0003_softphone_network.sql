-- What every softphone of the tenant is told, besides what 0002 brought.
ALTER TABLE tenant ADD COLUMN softphone_noise_suppression BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN softphone_gain_control BIGINT NOT NULL DEFAULT 0;
-- CS3 and EF.
ALTER TABLE tenant ADD COLUMN softphone_sip_dscp BIGINT NOT NULL DEFAULT 24;
ALTER TABLE tenant ADD COLUMN softphone_rtp_dscp BIGINT NOT NULL DEFAULT 46;
ALTER TABLE tenant ADD COLUMN softphone_auto_answer TEXT COLLATE "C" NOT NULL DEFAULT 'off';

-- How softphones reach a PBX. Servers: JSON, {"host":…,"port":…}, port 0 for SRV; sip_port is 0 for SRV, too.
ALTER TABLE pbxs ADD COLUMN sip_backup_servers TEXT COLLATE "C" NOT NULL DEFAULT '[]';
ALTER TABLE pbxs ADD COLUMN sip_outbound_proxy TEXT COLLATE "C";
ALTER TABLE pbxs ADD COLUMN sip_encryption_optional BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pbxs ADD COLUMN sip_address_family TEXT COLLATE "C" NOT NULL DEFAULT 'any';
ALTER TABLE pbxs ADD COLUMN sip_ice BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pbxs ADD COLUMN sip_stun_servers TEXT COLLATE "C" NOT NULL DEFAULT '[]';
-- All four, or none.
ALTER TABLE pbxs ADD COLUMN sip_turn_server TEXT COLLATE "C";
ALTER TABLE pbxs ADD COLUMN sip_turn_transport TEXT COLLATE "C";
ALTER TABLE pbxs ADD COLUMN sip_turn_user TEXT COLLATE "C";
ALTER TABLE pbxs ADD COLUMN sip_turn_secret BYTEA;
ALTER TABLE pbxs ADD COLUMN sip_dtmf TEXT COLLATE "C" NOT NULL DEFAULT 'rfc4733';
-- JSON list of names.
ALTER TABLE pbxs ADD COLUMN sip_pass_headers TEXT COLLATE "C" NOT NULL DEFAULT '[]';
-- Numbers by which the PBX does something.
ALTER TABLE pbxs ADD COLUMN code_park TEXT COLLATE "C";
ALTER TABLE pbxs ADD COLUMN code_pickup TEXT COLLATE "C";
ALTER TABLE pbxs ADD COLUMN code_redial TEXT COLLATE "C";
ALTER TABLE pbxs ADD COLUMN code_echo_test TEXT COLLATE "C";
