using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Sealift.Posix;

namespace Sealift.Migrations.Support;

/// <summary>
/// All rows of one migration, column by column, read without writing to the database. A damaged one gives what can be read of it:
/// what is broken is told, and the rest is there.
/// </summary>
internal sealed class JournalExtract
{
    private const int MostRows = 100_000, MostCharacters = 16 << 20;

    private static readonly (string Table, string Column, string Order)[] Tables =
        [("migration", "id", "created_at"), ("step", "migration", "seq"), ("artefact", "migration", "seq"), ("pass", "migration", "number"), ("steering", "migration", "migration")];

    private readonly Dictionary<string, List<Dictionary<string, object?>>> tables = [];
    private readonly List<string> troubles = [];

    private JournalExtract(string id) => Id = id;

    /// <summary>The whole id.</summary>
    public string Id { get; private set; }

    /// <summary>What could not be read.</summary>
    public IReadOnlyList<string> Troubles => troubles;

    /// <summary>The row of the migration; empty where it could not be read.</summary>
    public IReadOnlyDictionary<string, object?> Migration => Rows("migration") is [var row, ..] ? row : new Dictionary<string, object?>();

    /// <summary>Reads what there is.</summary>
    /// <param name="stateDirectory">The state directory.</param>
    /// <param name="id">The id, or the unambiguous beginning of one.</param>
    /// <exception cref="SealiftException">SL7003: the journal is sound, and knows none or several. SL7561: it is not, and no directory helps.</exception>
    public static JournalExtract Read(string stateDirectory, string id)
    {
        var path = Path.Combine(stateDirectory, "sealift.db");
        var extract = new JournalExtract(id);
        if (FileFacts.OfPathIfExists(path) is not { Kind: FileKind.Regular })
        {
            extract.troubles.Add("sealift.db: it is not there, or is no file");
            return extract.ByDirectory(stateDirectory);
        }

        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false, DefaultTimeout = 20 }.ToString());
            connection.Open();
            var ids = extract.Query(connection, "SELECT id FROM migration", null).Select(r => r["id"] as string ?? string.Empty).ToList();
            var found = ids.Where(i => i == id).Concat(ids.Where(i => id.Length > 0 && i != id && i.StartsWith(id, StringComparison.Ordinal))).ToList();
            if (found.Count > 0 && (found[0] == id || found.Count == 1)) extract.Id = found[0];
            else if (extract.troubles.Count == 0) throw MigrationErrors.Unknown(id);
            else extract = extract.ByDirectory(stateDirectory);
            // One instant of all tables, also where a migration writes meanwhile.
            using var transaction = connection.BeginTransaction(deferred: true);
            foreach (var (table, column, order) in Tables)
                extract.tables[table] = extract.Query(connection, $"SELECT * FROM {table} WHERE {column} = $id ORDER BY {order}", extract.Id);
            if (extract.Query(connection, "PRAGMA quick_check(20)", null) is var check && !(check is [var only] && only.Values.FirstOrDefault() is "ok"))
                extract.troubles.AddRange(check.Select(r => $"sealift.db: quick_check: {r.Values.FirstOrDefault()}"));
            return extract;
        }
        catch (SqliteException e)
        {
            extract.troubles.Add($"sealift.db: {e.Message}");
            return extract.tables.Count > 0 ? extract : extract.ByDirectory(stateDirectory);
        }
    }

    /// <summary>The rows of a table.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, object?>> Rows(string table) => tables.TryGetValue(table, out var rows) ? rows : [];

    /// <summary>The files that Sealift made.</summary>
    public IReadOnlyList<ArtefactRecord> Artefacts() =>
    [
        .. Rows("artefact").Select(r => new ArtefactRecord(
            Text(r, "path"),
            Text(r, "kind"),
            r.GetValueOrDefault("handed_over") is 1L,
            ulong.TryParse(Text(r, "device"), NumberStyles.None, CultureInfo.InvariantCulture, out var device) ? device : 0,
            ulong.TryParse(Text(r, "inode"), NumberStyles.None, CultureInfo.InvariantCulture, out var inode) ? inode : 0)),
    ];

    /// <summary>A column as text; empty where it has none.</summary>
    public static string Text(IReadOnlyDictionary<string, object?> row, string column) => row.GetValueOrDefault(column) as string ?? string.Empty;

    /// <summary>All of it as JSON. What the journal keeps as JSON is JSON here, too.</summary>
    public byte[] ToJson(Redaction redaction)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("migration", redaction.Text(Id));
            foreach (var (table, _, _) in Tables)
            {
                writer.WriteStartArray($"{table}Rows");
                foreach (var row in Rows(table))
                {
                    writer.WriteStartObject();
                    foreach (var (column, value) in row)
                    {
                        writer.WritePropertyName(redaction.Text(column));
                        Write(writer, redaction, value);
                    }

                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }

            writer.WriteStartArray("troubles");
            foreach (var trouble in troubles) writer.WriteStringValue(redaction.Text(trouble));
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, Redaction redaction, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case string text when text.StartsWith('{') && Parsed(text) is { } document:
                using (document) redaction.Json(document.RootElement, writer);
                break;
            default:
                writer.WriteStringValue(redaction.Text(value as string ?? $"({value.GetType().Name})"));
                break;
        }
    }

    private static JsonDocument? Parsed(string text)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException)
        {
            return null; // then it is text, and stands there as it is
        }
    }

    private JournalExtract ByDirectory(string stateDirectory)
    {
        var migrations = Path.Combine(stateDirectory, "migrations");
        var names = FileFacts.OfPathIfExists(migrations) is { Kind: FileKind.Directory } ? PosixPath.List(migrations).Where(n => Id.Length > 0 && n.StartsWith(Id, StringComparison.Ordinal)).ToList() : [];
        Id = names.Contains(Id) ? Id : names is [var only] ? only : throw SupportErrors.NothingKnown(Id, string.Join("; ", troubles));
        return this;
    }

    private List<Dictionary<string, object?>> Query(SqliteConnection connection, string sql, string? id)
    {
        var rows = new List<Dictionary<string, object?>>();
        try
        {
            using var command = connection.CreateCommand();
#pragma warning disable CA2100 // every statement is made of literals in this file; the id is a parameter
            command.CommandText = sql;
#pragma warning restore CA2100
            if (id is not null) command.Parameters.AddWithValue("$id", id);
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                if (rows.Count == MostRows)
                {
                    troubles.Add($"sealift.db: of {sql[..Math.Min(40, sql.Length)]} only {MostRows} rows were read");
                    break;
                }

                var row = new Dictionary<string, object?>();
                for (var column = 0; column < reader.FieldCount; column++)
                {
                    var value = reader.IsDBNull(column) ? null : reader.GetValue(column);
                    if (value is string { Length: > MostCharacters } text)
                    {
                        // Without its end: whatever it is, it is no JSON any more, and stands there as text.
                        value = text[..MostCharacters];
                        troubles.Add($"sealift.db: {reader.GetName(column)} is cut at {MostCharacters} characters");
                    }

                    row[reader.GetName(column)] = value;
                }

                rows.Add(row);
            }
        }
        catch (Exception e) when (e is SqliteException or InvalidCastException or FormatException or OverflowException)
        {
            troubles.Add($"sealift.db: {(sql.StartsWith("SELECT * FROM", StringComparison.Ordinal) ? sql.Split(' ')[3] : "migration")}: {e.Message}");
        }

        return rows;
    }
}
