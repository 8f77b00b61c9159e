using System.Security.Cryptography;

namespace Sealift.Migrations.Seals;

/// <summary>The mark in the corner of the page. Its ring has a ray for each hex digit of the statement's SHA-256: two seals look alike only where they say the same.</summary>
internal static class SealEmblem
{
    public static Markup Draw(Verdict verdict, ReadOnlySpan<byte> payload)
    {
        var digits = Convert.ToHexStringLower(SHA256.HashData(payload));
        var rays = digits.Select((c, i) =>
        {
            var (sin, cos) = Math.SinCos(2 * Math.PI * i / digits.Length);
            var outer = 47 + (Convert.ToInt32(c.ToString(), 16) * 0.8);
            return Markup.Of($"M{60 + (45 * sin)} {60 - (45 * cos)}L{60 + (outer * sin)} {60 - (outer * cos)}");
        });
        var glyph = verdict switch
        {
            Verdict.Sealed => "M43 61l12 12l23 -26",
            Verdict.Degraded => "M60 42v24M60 76v2",
            Verdict.Failed => "M46 46l28 28M74 46l-28 28",
            _ => "M44 60h32",
        };
        return Markup.Of($"""
            <svg class="emblem" viewBox="0 0 120 120" aria-hidden="true"><path class="rays" d="{rays}"/><circle cx="60" cy="60" r="40"/><circle class="inner" cx="60" cy="60" r="35"/><path class="glyph" d="{glyph}"/></svg>
            """);
    }
}
