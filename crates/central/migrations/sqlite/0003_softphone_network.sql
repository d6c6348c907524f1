-- What every softphone of the tenant is told, besides what 0002 brought.
ALTER TABLE tenant ADD COLUMN softphone_noise_suppression INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN softphone_gain_control INTEGER NOT NULL DEFAULT 0;
-- CS3 and EF.
ALTER TABLE tenant ADD COLUMN softphone_sip_dscp INTEGER NOT NULL DEFAULT 24;
ALTER TABLE tenant ADD COLUMN softphone_rtp_dscp INTEGER NOT NULL DEFAULT 46;
ALTER TABLE tenant ADD COLUMN softphone_auto_answer TEXT NOT NULL DEFAULT 'off';

-- How softphones reach a PBX. Servers: JSON, {"host":…,"port":…}, port 0 for SRV; sip_port is 0 for SRV, too.
ALTER TABLE pbxs ADD COLUMN sip_backup_servers TEXT NOT NULL DEFAULT '[]';
ALTER TABLE pbxs ADD COLUMN sip_outbound_proxy TEXT;
ALTER TABLE pbxs ADD COLUMN sip_encryption_optional INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pbxs ADD COLUMN sip_address_family TEXT NOT NULL DEFAULT 'any';
ALTER TABLE pbxs ADD COLUMN sip_ice INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pbxs ADD COLUMN sip_stun_servers TEXT NOT NULL DEFAULT '[]';
-- All four, or none.
ALTER TABLE pbxs ADD COLUMN sip_turn_server TEXT;
ALTER TABLE pbxs ADD COLUMN sip_turn_transport TEXT;
ALTER TABLE pbxs ADD COLUMN sip_turn_user TEXT;
ALTER TABLE pbxs ADD COLUMN sip_turn_secret BLOB;
ALTER TABLE pbxs ADD COLUMN sip_dtmf TEXT NOT NULL DEFAULT 'rfc4733';
-- JSON list of names.
ALTER TABLE pbxs ADD COLUMN sip_pass_headers TEXT NOT NULL DEFAULT '[]';
-- Numbers by which the PBX does something.
ALTER TABLE pbxs ADD COLUMN code_park TEXT;
ALTER TABLE pbxs ADD COLUMN code_pickup TEXT;
ALTER TABLE pbxs ADD COLUMN code_redial TEXT;
ALTER TABLE pbxs ADD COLUMN code_echo_test TEXT;
