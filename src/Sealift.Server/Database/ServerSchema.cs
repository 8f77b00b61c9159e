using Sealift.Plans.Store;

namespace Sealift.Server.Database;

/// <summary>The server's own tables. A step that was released is never edited.</summary>
internal static class ServerSchema
{
    private const string Name = "server";

    private const string Tables = """
        CREATE TABLE server_user (
            name TEXT PRIMARY KEY NOT NULL,
            roles TEXT NOT NULL,
            password TEXT NOT NULL,
            created_at {long} NOT NULL,
            failures {long} NOT NULL,
            locked_until {long} NOT NULL) {strict};
        CREATE TABLE server_session (
            id TEXT PRIMARY KEY NOT NULL,
            user_name TEXT NOT NULL,
            display TEXT NOT NULL,
            roles TEXT,
            created_at {long} NOT NULL,
            seen_at {long} NOT NULL,
            expires_at {long} NOT NULL,
            address TEXT NOT NULL) {strict};
        CREATE INDEX server_session_of ON server_session (user_name);
        CREATE TABLE server_token (
            id TEXT PRIMARY KEY NOT NULL,
            hash TEXT NOT NULL,
            user_name TEXT NOT NULL,
            name TEXT NOT NULL,
            scopes TEXT NOT NULL,
            created_at {long} NOT NULL,
            expires_at {long} NOT NULL,
            used_at {long}) {strict};
        CREATE INDEX server_token_of ON server_token (user_name);
        CREATE TABLE server_key (
            id TEXT PRIMARY KEY NOT NULL,
            xml TEXT NOT NULL) {strict};
        CREATE TABLE server_audit (
            number {id},
            at {long} NOT NULL,
            actor TEXT NOT NULL,
            via TEXT NOT NULL,
            address TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            outcome TEXT NOT NULL) {strict};

        """;

    // Plans that somebody is writing.
    private const string Drafts = """
        CREATE TABLE server_draft (
            id TEXT PRIMARY KEY NOT NULL,
            user_name TEXT NOT NULL,
            generation {long} NOT NULL,
            changed_at {long} NOT NULL,
            content TEXT NOT NULL) {strict};
        CREATE INDEX server_draft_of ON server_draft (user_name);
        """;

    /// <summary>For SQLite.</summary>
    public static SchemaSet Sqlite { get; } = new(Name, [Tables + """
        CREATE TRIGGER server_audit_keeps BEFORE UPDATE ON server_audit BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
        CREATE TRIGGER server_audit_stays BEFORE DELETE ON server_audit BEGIN SELECT RAISE(ABORT, 'the audit log is never shortened'); END;
        """, Drafts]);

    /// <summary>For PostgreSQL: the same tables, and the same refusals in its own words.</summary>
    public static SchemaSet PostgreSql { get; } = new(Name, [Tables + """
        CREATE FUNCTION server_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the audit log is neither changed nor shortened''; END';
        CREATE TRIGGER server_audit_keeps BEFORE UPDATE OR DELETE ON server_audit FOR EACH ROW EXECUTE FUNCTION server_audit_refuse();
        CREATE TRIGGER server_audit_stays BEFORE TRUNCATE ON server_audit FOR EACH STATEMENT EXECUTE FUNCTION server_audit_refuse();
        """, Drafts]);
}
