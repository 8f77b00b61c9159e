using Sealift.Posix;

namespace Sealift.Guests.Luks;

/// <summary>Where the key of an encrypted volume comes from. This may be journaled; the key itself never is.</summary>
/// <param name="Selector">The UUID of the volume, or <see cref="VolumeKey.AnyVolume"/>.</param>
/// <param name="Path">The file whose first line is the passphrase, as an absolute path; null where somebody is asked for it.</param>
public sealed record VolumeKeySource(string Selector, string? Path)
{
    private const string FilePrefix = "file:";

    /// <summary>Reads <c>SELECTOR=file:PATH</c> or <c>SELECTOR</c>.</summary>
    /// <exception cref="SealiftException">SL5010: it is neither.</exception>
    public static VolumeKeySource Parse(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var selector = equals < 0 ? text : text[..equals];
        if (selector != VolumeKey.AnyVolume && !Guid.TryParseExact(selector, "D", out _)) throw GuestsErrors.BadKeySelector(equals < 0 ? text : $"{selector}=…");
        if (equals < 0) return new VolumeKeySource(Normal(selector), null);
        var place = text[(equals + 1)..];
        // Whatever else stands there may be the passphrase itself: it is not repeated.
        if (!place.StartsWith(FilePrefix, StringComparison.Ordinal) || place.Length == FilePrefix.Length) throw GuestsErrors.BadKeySelector($"{selector}=…");
        return new VolumeKeySource(Normal(selector), System.IO.Path.GetFullPath(place[FilePrefix.Length..]));
    }

    private static string Normal(string selector) => selector.ToLowerInvariant();
}
