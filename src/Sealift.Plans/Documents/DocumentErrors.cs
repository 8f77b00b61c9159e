using System.Globalization;
using Sealift.Posix;

namespace Sealift.Plans.Documents;

/// <summary>Errors of files with documents; SL760x. Each says where: file, line, column, and the field's path.</summary>
internal static class DocumentErrors
{
    public static SealiftException TooMuch(string file, FilePosition at, string said, string nextStep) =>
        new("SL7601", "read documents", Place(file, at), said, nextStep);

    public static SealiftException NotText(string file, FilePosition at, string said) =>
        new("SL7602", "read documents", Place(file, at), said, "Save it as UTF-8");

    public static SealiftException Malformed(string file, FilePosition at, string language, string said, Exception? inner = null) =>
        new("SL7603", $"read {language}", Place(file, at), said.TrimEnd('.'), "Look at that place, and at the line before it; in YAML, fields of one object begin in the same column, with spaces and not tabs", inner);

    public static SealiftException NotAllowed(string file, FilePosition at, string what) =>
        new("SL7604", "read YAML", Place(file, at), $"{what} are not allowed in documents", "Write out what it stands for; where it is text, put it in quotes");

    public static SealiftException Twice(string file, FilePosition at, string path, FilePosition first) =>
        new("SL7605", "read a document", Place(file, at, path), string.Create(CultureInfo.InvariantCulture, $"this field is there already, in line {first.Line}"), "Leave out one of the two");

    public static SealiftException UnknownField(string file, FilePosition at, string path, string? nearest, IEnumerable<string> known) =>
        new("SL7606", "read a document", Place(file, at, path), "there is no such field", nearest is null ? $"Here are known: {string.Join(", ", known)}" : $"Did you mean {nearest}?");

    public static SealiftException Missing(string file, FilePosition at, string path, string expected) =>
        new("SL7607", "read a document", Place(file, at, path), "it is missing", $"Add it: {expected}");

    public static SealiftException BadValue(string file, FilePosition at, string path, string found, string expected) =>
        new("SL7608", "read a document", Place(file, at, path), $"it is {found}", $"It should be {expected}");

    public static SealiftException Contradiction(string file, FilePosition at, string path, string said) =>
        new("SL7609", "read a document", Place(file, at, path), said, "Leave out one of the two");

    public static SealiftException NoDocument(string file) =>
        new("SL7610", "read documents", file, "there is none in it", $"A document begins with `apiVersion: {Document.Version}` and `kind:`");

    public static SealiftException WrongKind(string file, FilePosition at, string path, string found, string expected) =>
        new("SL7611", "read a document", Place(file, at, path), $"it is {found}", $"It should be {expected}");

    public static SealiftException Unreadable(string file, Exception inner) =>
        new("SL7612", "read documents", file, inner.Message.TrimEnd('.'), "Check path and permissions", inner);

    private static string Place(string file, FilePosition at, string path = "") =>
        string.Create(CultureInfo.InvariantCulture, $"{file}:{at.Line}:{at.Column}{(path.Length == 0 ? string.Empty : " " + path)}");
}
