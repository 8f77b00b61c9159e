using System.Text;

namespace Sealift.Guests.Lint;

/// <summary>One entry of /etc/fstab or, with other fields, of /etc/crypttab.</summary>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Spec">What is mounted: <c>/dev/sda1</c>, <c>UUID=…</c>, <c>server:/export</c>.</param>
/// <param name="Path">Where.</param>
/// <param name="Type">The file system's type; empty where it does not say.</param>
/// <param name="Options">Mount options.</param>
internal sealed record TableEntry(int Line, string Spec, string Path, string Type, IReadOnlyList<string> Options)
{
    /// <summary>Whether the guest starts without it.</summary>
    public bool IsOptional => Options.Contains("nofail") || Options.Contains("noauto");

    /// <summary>For people: <c>line 3: UUID=… on /srv</c>.</summary>
    public string Description => GuestText.Name(Path.Length > 0 ? $"line {Line}: {Spec} on {Path}" : $"line {Line}: {Spec}");
}

/// <summary>/etc/fstab (fstab(5)) and /etc/crypttab (crypttab(5)), as a guest has written them: any bytes.</summary>
internal static class FileSystemTable
{
    /// <summary>More entries than any real machine has; what is beyond is not looked at.</summary>
    public const int EntryLimit = 512;

    private static readonly char[] Blank = [' ', '\t', '\r', '\0', '\v', '\f'];

    /// <summary>The entries of /etc/fstab. A line of fewer than two fields is none.</summary>
    public static IReadOnlyList<TableEntry> Parse(string text) =>
        Rows(text, least: 2, f => new TableEntry(f.Line, Tag(f.Fields[0]), Decode(f.Fields[1]), f.Fields.ElementAtOrDefault(2) ?? string.Empty, Options(f.Fields.ElementAtOrDefault(3))));

    /// <summary>The entries of /etc/crypttab: name, device, key file, options. The name is the path.</summary>
    public static IReadOnlyList<TableEntry> ParseCrypttab(string text) =>
        Rows(text, least: 2, f => new TableEntry(f.Line, Tag(f.Fields[1]), Decode(f.Fields[0]), "crypt", Options(f.Fields.ElementAtOrDefault(3))));

    private static IReadOnlyList<TableEntry> Rows(string text, int least, Func<(int Line, string[] Fields), TableEntry> make) =>
        [.. text.Split('\n').Select((l, i) => (Line: i + 1, Fields: l.Split(Blank, StringSplitOptions.RemoveEmptyEntries)))
            .Where(f => f.Fields.Length >= least && f.Fields[0][0] != '#').Take(EntryLimit).Select(make)];

    private static string[] Options(string? field) => field?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [];

    /// <summary>UUID="…" is UUID=…: libmount takes the quotes away (fstab(5)).</summary>
    private static string Tag(string field)
    {
        var spec = Decode(field);
        var equals = spec.IndexOf('=');
        return equals > 0 && spec.Length >= equals + 3 && spec[equals + 1] is '"' or '\'' && spec[^1] == spec[equals + 1] ? spec[..(equals + 1)] + spec[(equals + 2)..^1] : spec;
    }

    /// <summary>\040 is a space, and so for every other octet of three octal digits.</summary>
    private static string Decode(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal)) return field;
        var decoded = new StringBuilder(field.Length);
        for (var i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length && field.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                decoded.Append((char)((((field[i + 1] - '0') << 6) | ((field[i + 2] - '0') << 3) | (field[i + 3] - '0')) & 0xFF));
                i += 3;
            }
            else
            {
                decoded.Append(field[i]);
            }
        }

        return decoded.ToString();
    }
}
