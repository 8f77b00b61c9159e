namespace Sealift.Server.Database;

/// <summary>The server's own tables, by numbered changes; a change that was published is never edited.</summary>
internal static class ServerSchema
{
    /// <summary>The changes for SQLite, the first first.</summary>
    public static IReadOnlyList<string> Sqlite { get; } = [Common("INTEGER PRIMARY KEY AUTOINCREMENT") + """
        CREATE TRIGGER server_audit_keeps BEFORE UPDATE ON server_audit BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
        CREATE TRIGGER server_audit_stays BEFORE DELETE ON server_audit BEGIN SELECT RAISE(ABORT, 'the audit log is never shortened'); END;
        """, Drafts];

    /// <summary>The same for PostgreSQL.</summary>
    public static IReadOnlyList<string> PostgreSql { get; } = [Common("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY") + """
        CREATE FUNCTION server_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the audit log is neither changed nor shortened''; END';
        CREATE TRIGGER server_audit_keeps BEFORE UPDATE OR DELETE ON server_audit FOR EACH ROW EXECUTE FUNCTION server_audit_refuse();
        CREATE TRIGGER server_audit_stays BEFORE TRUNCATE ON server_audit FOR EACH STATEMENT EXECUTE FUNCTION server_audit_refuse();
        """, Drafts];

    private const string Drafts = """
        CREATE TABLE server_draft (
            id TEXT PRIMARY KEY NOT NULL,
            user_name TEXT NOT NULL,
            generation BIGINT NOT NULL,
            changed_at BIGINT NOT NULL,
            content TEXT NOT NULL);
        CREATE INDEX server_draft_of ON server_draft (user_name);
        """;

    private static string Common(string number) => $"""
        CREATE TABLE server_user (
            name TEXT PRIMARY KEY NOT NULL,
            roles TEXT NOT NULL,
            password TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            failures BIGINT NOT NULL,
            locked_until BIGINT NOT NULL);
        CREATE TABLE server_session (
            id TEXT PRIMARY KEY NOT NULL,
            user_name TEXT NOT NULL,
            display TEXT NOT NULL,
            roles TEXT,
            created_at BIGINT NOT NULL,
            seen_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            address TEXT NOT NULL);
        CREATE INDEX server_session_of ON server_session (user_name);
        CREATE TABLE server_token (
            id TEXT PRIMARY KEY NOT NULL,
            hash TEXT NOT NULL,
            user_name TEXT NOT NULL,
            name TEXT NOT NULL,
            scopes TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            used_at BIGINT);
        CREATE INDEX server_token_of ON server_token (user_name);
        CREATE TABLE server_key (
            id TEXT PRIMARY KEY NOT NULL,
            xml TEXT NOT NULL);
        CREATE TABLE server_audit (
            number {number},
            at BIGINT NOT NULL,
            actor TEXT NOT NULL,
            via TEXT NOT NULL,
            address TEXT NOT NULL,
            action TEXT NOT NULL,
            object TEXT NOT NULL,
            outcome TEXT NOT NULL);

        """;
}
