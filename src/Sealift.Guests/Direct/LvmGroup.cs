using System.Globalization;

namespace Sealift.Guests.Direct;

/// <summary>What the text of LVM's metadata says of a volume group.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Sequence">The number of the version: each change makes it larger.</param>
/// <param name="PhysicalVolumes">The ids of those that it consists of.</param>
/// <param name="LogicalVolumes">The names of the volumes in it.</param>
internal sealed record LvmGroup(string Name, long Sequence, IReadOnlyList<string> PhysicalVolumes, IReadOnlyList<string> LogicalVolumes)
{
    private const int DepthLimit = 32;

    /// <summary>Reads it, or gives null where it is none: "name { seqno = 3 … physical_volumes { pv0 { id = "…" … } } logical_volumes { … } }".</summary>
    public static LvmGroup? Parse(string text)
    {
        var path = new List<string>();
        string name = string.Empty, word = string.Empty, key = string.Empty;
        long sequence = 0;
        List<string> physical = [], logical = [];
        for (var at = 0; at < text.Length; at++)
        {
            var c = text[at];
            switch (c)
            {
                case '#':
                    at = text.IndexOf('\n', at) is >= 0 and var end ? end : text.Length;
                    break;
                case '"':
                    var start = ++at;
                    while (at < text.Length && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
                    if (at >= text.Length) return null;
                    if (key == "id" && path is [_, "physical_volumes", _]) physical.Add(text[start..at]);
                    key = string.Empty;
                    break;
                case '{':
                    if (path.Count == DepthLimit || word.Length == 0) return null;
                    if (path.Count == 0) name = name.Length == 0 ? word : name;
                    if (path is [_, "logical_volumes"]) logical.Add(word);
                    path.Add(word);
                    word = string.Empty;
                    break;
                case '}':
                    if (path.Count == 0) return null;
                    path.RemoveAt(path.Count - 1);
                    word = string.Empty;
                    break;
                case '=':
                    (key, word) = (word, string.Empty);
                    break;
                default:
                    if (char.IsWhiteSpace(c) || c is ',' or '[' or ']') break;
                    start = at;
                    while (at + 1 < text.Length && !char.IsWhiteSpace(text[at + 1]) && text[at + 1] is not ('{' or '}' or '=' or '#' or '"' or ',' or '[' or ']')) at++;
                    word = text[start..(at + 1)];
                    if (key == "seqno" && path.Count == 1 && long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) sequence = number;
                    key = string.Empty;
                    break;
            }
        }

        return name.Length > 0 && path.Count == 0 && physical.Count > 0 ? new LvmGroup(name, sequence, physical, logical) : null;
    }
}
