using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>One name of a unit, from its Device Identification page.</summary>
/// <param name="CodeSet">1 binary, 2 ASCII, 3 UTF-8.</param>
/// <param name="Type">0 vendor specific, 1 T10 vendor, 2 EUI-64, 3 NAA, 8 SCSI name string; SPC-4, table 531.</param>
/// <param name="Bytes">The name.</param>
public sealed record UnitDesignator(byte CodeSet, byte Type, ReadOnlyMemory<byte> Bytes)
{
    internal const byte T10 = 1;
    internal const byte Eui64 = 2;
    internal const byte Naa = 3;
    internal const byte NameString = 8;

    /// <summary>As <c>naa.6001405…</c>, <c>eui.…</c>, <c>t10.…</c>, <c>name.…</c>.</summary>
    public override string ToString() => Type switch
    {
        Naa => "naa." + Convert.ToHexStringLower(Bytes.Span),
        Eui64 => "eui." + Convert.ToHexStringLower(Bytes.Span),
        T10 => "t10." + ScsiText.Printable(Bytes.Span),
        NameString => "name." + ScsiText.Printable(Bytes.Span),
        _ => $"type{Type}." + Convert.ToHexStringLower(Bytes.Span),
    };

    /// <summary>Whether it is one by which a copy can name the unit in 20 bytes, and that is unique in the world: NAA or EUI-64, of a length that these have.</summary>
    internal bool NamesForCopies => CodeSet == 1 && ((Type == Naa && IsNaa(Bytes.Span)) || (Type == Eui64 && Bytes.Length is 8 or 12 or 16 && Bytes.Span.ContainsAnyExcept((byte)0)));

    // The NAA field in front says how long it is: 2h, 3h and 5h have 8 bytes, 6h has 16. 3h is local: unique in no more than one host.
    private static bool IsNaa(ReadOnlySpan<byte> name) => !name.IsEmpty && (name[0] >> 4, name.Length) is (0x2, 8) or (0x5, 8) or (0x6, 16);
}

/// <summary>Who a unit says it is: its Device Identification (83h) and Unit Serial Number (80h) pages; SPC-4, 7.8.5 and 7.8.15.</summary>
public sealed record UnitIdentity
{
    // As many as fit into any page that is asked for; the rest would be noise.
    private const int MostDesignators = 64;

    private UnitIdentity(IReadOnlyList<UnitDesignator> designators, string serial)
    {
        Designators = designators;
        Serial = serial;
        // The names that are unique in the world, where it has some; else what its maker says.
        var best = designators.Where(d => d.Type is UnitDesignator.Naa or UnitDesignator.Eui64 or UnitDesignator.NameString).ToList();
        if (best.Count == 0) best = [.. designators.Where(d => d.Type == UnitDesignator.T10)];
        Names = best.Count > 0 ? [.. best.Select(d => d.ToString()).Distinct().Order(StringComparer.Ordinal)] : serial.Length > 0 ? [$"serial.{serial}"] : [];
        // All of it, for comparing a unit with what it was.
        Text = string.Join(", ", designators.Select(d => d.ToString()).Append(serial.Length > 0 ? $"serial {serial}" : string.Empty).Where(s => s.Length > 0).Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>The names of the logical unit itself (not of its port or target).</summary>
    public IReadOnlyList<UnitDesignator> Designators { get; }

    /// <summary>Its serial number; empty where it has none.</summary>
    public string Serial { get; }

    /// <summary>By what it can be told from others; empty where it says nothing.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>All that it says of itself. The same unit always says the same.</summary>
    public string Text { get; }

    /// <summary>The best name, for people.</summary>
    public string Name => Names.Count > 0 ? Names[0] : "a unit without a name";

    /// <summary>The name by which an EXTENDED COPY can find it; null where it has none.</summary>
    internal UnitDesignator? ForCopies => Designators.Where(d => d.NamesForCopies).OrderByDescending(d => d.Type == UnitDesignator.Naa).ThenByDescending(d => d.Bytes.Length).FirstOrDefault();

    /// <summary>Whether two units say that they are one: they share a name. Where they do, nobody can tell them apart by asking.</summary>
    public bool SharesNameWith(UnitIdentity other) => Names.Intersect(other.Names, StringComparer.Ordinal).Any();

    /// <summary>Reads both pages; a page that the unit does not have is empty. Null where one makes no sense.</summary>
    /// <param name="identification">Page 83h, with its header.</param>
    /// <param name="serial">Page 80h, with its header.</param>
    public static UnitIdentity? Parse(ReadOnlyMemory<byte> identification, ReadOnlyMemory<byte> serial)
    {
        var designators = new List<UnitDesignator>();
        var page = identification.Span;
        var at = 4;
        while (at < page.Length)
        {
            if (at + 4 > page.Length) return null;
            var length = page[at + 3];
            if (at + 4 + length > page.Length || designators.Count == MostDesignators) return null;
            var association = (page[at + 1] >> 4) & 0x3;
            // Types 4 to 6 number ports and groups, which may be arranged anew; they name no unit.
            if (association == 0 && length > 0 && (page[at + 1] & 0xF) is not (4 or 5 or 6)) designators.Add(new((byte)(page[at] & 0xF), (byte)(page[at + 1] & 0xF), identification.Slice(at + 4, length)));
            at += 4 + length;
        }

        return new(designators, serial.Length > 4 ? ScsiText.Printable(serial.Span[4..]) : string.Empty);
    }
}
