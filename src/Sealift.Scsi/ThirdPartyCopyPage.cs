using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>The Third-party Copy page, 8Fh; SPC-4, 7.8.17. Of its descriptors those that are about EXTENDED COPY.</summary>
internal sealed class ThirdPartyCopyPage
{
    private const int SupportedCommands = 0x0001;
    private const int ParameterData = 0x0004;
    private const int SupportedDescriptors = 0x0008;
    private const int GeneralOperations = 0x8001;

    private static readonly ThirdPartyCopyPage Nothing = new(null, null);

    private readonly HashSet<(byte Code, byte Action)>? commands;

    private ThirdPartyCopyPage(HashSet<(byte Code, byte Action)>? commands, CopyAbility? ability) => (this.commands, Ability) = (commands, ability);

    /// <summary>The limits that it names; null where it does not name all that are needed.</summary>
    public CopyAbility? Ability { get; }

    /// <summary>Reads a page. One that makes no sense says nothing.</summary>
    /// <param name="page">The page, with its header.</param>
    public static ThirdPartyCopyPage Parse(ReadOnlyMemory<byte> page)
    {
        HashSet<(byte, byte)>? commands = null;
        ReadOnlySpan<byte> parameters = default, operations = default;
        var descriptors = ReadOnlyMemory<byte>.Empty;
        for (var at = 4; at + 4 <= page.Length;)
        {
            var (type, length) = (BinaryPrimitives.ReadUInt16BigEndian(page.Span[at..]), BinaryPrimitives.ReadUInt16BigEndian(page.Span[(at + 2)..]));
            if (at + 4 + length > page.Length) return Nothing;
            var body = page.Slice(at + 4, length);
            switch (type)
            {
                case SupportedCommands when commands is null && length > 0:
                    commands = Commands(body.Span);
                    if (commands is null) return Nothing;
                    break;
                case ParameterData when length >= 16:
                    parameters = body.Span;
                    break;
                case SupportedDescriptors when length > 0 && body.Span[0] < length:
                    descriptors = body.Slice(1, body.Span[0]);
                    break;
                case GeneralOperations when length >= 14:
                    operations = body.Span;
                    break;
                default:
                    break; // of tokens, or of copies that are none of ours
            }

            at += 4 + length;
        }

        // SNLID, whether a copy can do without an identifier, is not in the page.
        var ability = parameters.IsEmpty || operations.IsEmpty || descriptors.IsEmpty ? null : new CopyAbility(
            NeedsNoListId: false,
            BinaryPrimitives.ReadUInt16BigEndian(parameters[4..]),
            BinaryPrimitives.ReadUInt16BigEndian(parameters[6..]),
            BinaryPrimitives.ReadUInt32BigEndian(parameters[8..]),
            BinaryPrimitives.ReadUInt32BigEndian(operations[8..]),
            operations[12],
            descriptors);
        return new(commands, ability);
    }

    /// <summary>Whether it lists a command.</summary>
    /// <param name="code">The operation code.</param>
    /// <param name="action">The service action.</param>
    /// <param name="unlisted">What is believed where it has no list.</param>
    public bool Lists(byte code, byte action, bool unlisted = false) => commands?.Contains((code, action)) ?? unlisted;

    private static HashSet<(byte, byte)>? Commands(ReadOnlySpan<byte> list)
    {
        var commands = new HashSet<(byte, byte)>();
        var end = Math.Min(list.Length, 1 + list[0]);
        for (var at = 1; at + 2 <= end;)
        {
            var (code, actions) = (list[at], list[at + 1]);
            if (at + 2 + actions > end) return null;
            foreach (var action in list.Slice(at + 2, actions)) _ = commands.Add((code, action)); // false: it is listed twice
            at += 2 + actions;
        }

        return commands;
    }
}
