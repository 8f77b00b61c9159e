using System.Text.RegularExpressions;

namespace Sealift.Migrations.Support;

/// <summary>What secrets look like in text whose structure is not known. Each pattern takes time in proportion to the text, whatever the text is; the group <c>s</c> is what goes.</summary>
internal static class SecretPatterns
{
    private const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant;

    // Not "key" alone: disks have keys. Not "pass" alone: warm migrations have passes.
    private const string Name = @"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|master[-_ ]?key|encryption[-_ ]?key|luks[-_ ]?key|session[-_ ]?(?:id|key)|soap[-_]session|credentials?)(?:[-_]?(?:key|value|hash|id))?";

    private static readonly (string Kind, Regex Pattern)[] All =
    [
        // Cookie: …, Authorization: …, with the lines that a header is continued on.
        ("header", new Regex(@"(?:authorization|set-cookie2?|cookie|session-id|x-[\w-]*(?:token|key|auth)[\w-]*)\\*[""']?[ \t]*[:=][ \t]*(?<s>[^\r\n]*(?:\r?\n[ \t]+[^\r\n]+)*)", Options)),
        // password="…", "password": "…", \"password\": \"…\", passwd='…'
        ("password", new Regex(Name + @"\\*[""']?\s*[:=]>?\s*\\*""(?<s>(?:[^""\\\r\n]|\\.)+)", Options)),
        ("password", new Regex(Name + @"\\*[""']?\s*[:=]>?\s*'(?<s>[^'\r\n]+)", Options)),
        // password=…, and what a line with a backslash at its end is continued with
        ("password", new Regex(Name + @"\\*[""']?\s*=>?\s*(?<s>[^\s""'](?:[^\s\\]|\\\r?\n[ \t]*|\\)*)", Options)),
        ("password", new Regex(@"\bpass=(?<s>\S+)", Options)),
        // password: all of the line, as a passphrase may have spaces; or of the next one
        ("password", new Regex(Name + @"\\*[""']?[ \t]*:[ \t]*(?:\r?\n[ \t]*)?(?<s>[^\s""'][^\r\n]*)", Options)),
        // nbdkit -v: key=password, value=…
        ("password", new Regex(Name + @",\s*value=(?<s>\S+)", Options)),
        ("password", new Regex(@"<(?:[\w-]+:)?" + Name + @"(?:\s[^<>]*)?>(?<s>[^<]+)", Options)),
        ("password", new Regex(@"--?" + Name + @"[ \t]+(?<s>[^\s-]\S*)", Options)),
        ("password", new Regex(@"sshpass\s+-p\s*(?<s>\S+)", Options)),
        ("password", new Regex(@":key:(?<s>\S+)", Options)), // guestfish --key UUID:key:PASSPHRASE
        // scheme://user:password@host; the second one for passwords with characters that should have been escaped, and not for ports
        ("URI password", new Regex(@"[a-z][a-z0-9+.-]*:/+[^\s/?#@""'<>:]*:(?<s>[^\s/?#""'<>]*)@", Options)),
        ("URI password", new Regex(@"[a-z][a-z0-9+.-]*://[^\s/@""'<>:]+:(?<s>[^\s0-9""'<>][^\s""'<>]*|[0-9]+[^\s0-9/?#""'<>:,][^\s""'<>]*)@", Options)),
        ("token", new Regex(@"\bbearer\s+(?<s>[a-z0-9._~+/=-]{8,})", Options)),
        ("token", new Regex(@"\b(?:basic|negotiate)\s+(?<s>[a-z0-9+/]{16,}=*)", Options)),
        ("token", new Regex(@"(?<s>eyJ[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}(?:\.[a-z0-9_-]*)?)", Options)), // a JSON web token
        ("token", new Regex(@"(?<s>\b(?:gh[pousr]_[a-z0-9]{20,}|AKIA[0-9A-Z]{16}|glpat-[a-z0-9_-]{16,}|xox[abprs]-[a-z0-9-]{10,}))", Options)),
        // cryptsetup luksDump --dump-master-key and the like
        ("key", new Regex(@"(?:MK dump|(?:master|volume|luks)[ \t]+key)[^\r\n:]{0,20}:\s*(?<s>(?:0x)?(?:[0-9a-f]{2}[ :\t\r\n]*){16,})", Options)),
    ];

    /// <summary>Names of members of JSON, and of variables, whose value is a secret.</summary>
    public static Regex SecretName { get; } = new(@"(?:password|passwd|passphrase|passcode|pwd|secret|token|cookie|authorization|credentials?|api[-_]?key|access[-_]?key|private[-_]?key|master[-_]?key|session[-_]?(?:id|key))(?:[-_]?(?:key|value|hash))?$", Options);

    /// <summary>Where they are, and what each is.</summary>
    public static IEnumerable<(int Start, int Length, string Kind)> Find(string text)
    {
        foreach (var (kind, pattern) in All)
        {
            for (var match = pattern.Match(text); match.Success; match = match.NextMatch())
                if (match.Groups["s"] is { Length: > 0 } secret) yield return (secret.Index, secret.Length, kind);
        }
    }
}
