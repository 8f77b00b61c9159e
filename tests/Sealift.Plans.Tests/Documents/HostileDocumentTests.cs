using System.Diagnostics;
using System.Text;
using CsCheck;
using Sealift.Plans.Documents;
using Sealift.Posix;

namespace Sealift.Plans.Tests.Documents;

/// <summary>Whatever a file holds, it is a document or an error with a code, and that soon.</summary>
public sealed class HostileDocumentTests
{
    private static readonly string[] Pieces =
    [
        "apiVersion: sealift.io/v1alpha1\n", "kind: Plan\n", "kind: Hook\n", "metadata:\n", "  name: a\n", "spec:\n", "  vms:\n", "  - name: x\n", "- ", "? ", ": ", "&a ", "*a ", "!!str ", "!<x> ", "<<: ", "[", "]", "{", "}", ",",
        "\"", "'", "|\n", ">-\n", "|9\n", "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n", "#", "\n", "\r", "\t", "  ", "\\x", "\\u12", "\\U00110000", "~", "\uFEFF", "\u2028", "\u0085", "é", "😀", "a", "0", "-1", "1e9", "@", "`",
    ];

    [Fact]
    public void Bytes_at_random() => Gen.Byte.Array[0, 300].Sample(Survives, iter: 20_000);

    [Fact]
    public void Pieces_of_YAML_at_random() => Gen.Int[0, Pieces.Length - 1].Select(i => Pieces[i]).Array[0, 40].Sample(pieces => Survives(Encoding.UTF8.GetBytes(string.Concat(pieces))), iter: 30_000);

    [Fact]
    public void Good_documents_with_bytes_changed() => Gen.Select(GeneratedDocuments.Any, Gen.Select(Gen.Int[0, 4000], Gen.Byte).Array[1, 4], Gen.Bool).Sample((document, changes, asJson) =>
    {
        var bytes = Encoding.UTF8.GetBytes(asJson ? DocumentWriter.ToJson(document) : DocumentWriter.ToYaml(document));
        foreach (var (at, value) in changes) bytes[at % bytes.Length] = value;
        Survives(bytes);
        Survives(bytes[..(changes[0].Item1 % bytes.Length)]);
    }, iter: 5000);

    public static TheoryData<string, string> Floods => new()
    {
        { "SL7604", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" },
        { "SL7601", Repeat("[", 5_000_000) },
        { "SL7601", Repeat("{\"a\":", 1_000_000) },
        { "SL7601", "a: " + Repeat("[", 5_000_000) },
        { "SL7601", Repeat("- ", 4_000_000) },
        { "SL7601", Repeat("? ", 4_000_000) },
        { "SL7601", "a: " + Repeat("{a: ", 1_000_000) },
        { "SL7601", "[" + Repeat("0,", 4_000_000) + "0]" },
        { "SL7601", "- [" + Repeat("0,", 4_000_000) + "0]" },
        { "SL7601", Repeat("x", 9 << 20) },
        { "SL7608", "apiVersion: sealift.io/v1alpha1\nkind: Hook\nmetadata: {name: a}\nspec: {program: \"" + Repeat("x", 7_000_000) + "\"}\n" },
        { "SL7608", "apiVersion: sealift.io/v1alpha1\nkind: Hook\nmetadata: {name: a}\nspec: {program: |\n " + Repeat("x\n ", 2_000_000) + "}\n" },
        { "SL7610", Repeat("#", 8_000_000) },
        { "SL7610", Repeat("#\n", 4_000_000) },
        { "SL7610", Repeat("---\n", 2_000_000) },
        { "SL7603", Repeat("a: b: ", 1_000_000) },
        { "SL7602", "a: \0" },
        { "SL7602", "a: \u001b[31m" },
    };

    [Theory]
    [MemberData(nameof(Floods))]
    public void A_flood_is_refused_in_seconds(string code, string text)
    {
        var watch = Stopwatch.StartNew();
        var error = Assert.ThrowsAny<SealiftException>(() => DocumentReader.Read(Encoding.UTF8.GetBytes(text), "x"));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"it took {watch.Elapsed}");
        if (code != "SL7608" || error.Code != "SL7603") Assert.Equal(code, error.Code);
        Assert.True(error.Message.Length < 2000, $"a message of {error.Message.Length} characters");
    }

    [Fact]
    public void Other_encodings_are_named()
    {
        foreach (var bytes in new[] { Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("a: b")).ToArray(), [0xFE, 0xFF, 0, 0x61], [0x61, 0x3A, 0x20, 0xE9], [0xC0, 0x80], Encoding.Unicode.GetBytes("a: b") })
            Assert.Equal("SL7602", Assert.ThrowsAny<SealiftException>(() => DocumentReader.Read(bytes, "x")).Code);
        Assert.Contains("x:2:4", Assert.ThrowsAny<SealiftException>(() => DocumentReader.Read(Encoding.Latin1.GetBytes("a: b\nc: é"), "x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ten_thousand_machines_are_read_and_one_more_is_refused()
    {
        static byte[] Plan(int machines) => Encoding.UTF8.GetBytes("apiVersion: sealift.io/v1alpha1\nkind: Plan\nmetadata: {name: p}\nspec:\n  provider: {source: {name: a}, destination: {name: b}}\n  vms:\n" + string.Concat(Enumerable.Range(0, machines).Select(i => $"  - name: DC0/vm/farm/machine-{i}\n    id: 5021c0de-0000-0000-0000-{i:D12}\n    targetName: m{i}\n    wave: {1 + i / 100}\n")));
        var watch = Stopwatch.StartNew();
        var read = DocumentReader.Read(Plan(10_000), "x").Single();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"it took {watch.Elapsed}");
        Assert.Equal(10_000, ((PlanDocument)read.Document).Spec.Vms.Count);
        Assert.Equal("SL7608", Assert.ThrowsAny<SealiftException>(() => DocumentReader.Read(Plan(10_001), "x")).Code);
    }

    private static void Survives(byte[] bytes)
    {
        try
        {
            Assert.NotEmpty(DocumentReader.Read(bytes, "x"));
        }
        catch (SealiftException e)
        {
            Assert.StartsWith("SL76", e.Code, StringComparison.Ordinal);
        }
    }

    private static string Repeat(string text, int length) => string.Concat(Enumerable.Repeat(text, length / text.Length));
}
