namespace Sealift.Qmp;

/// <summary>Every error of this room, with its code.</summary>
internal static class QmpErrors
{
    private const int SaidLimitCharacters = 512;

    public static QmpException Unreachable(string peer, string said, Exception? inner = null) =>
        new("SL3101", "connect", peer, said, "Check that QEMU runs with a QMP socket at that path (-qmp unix:PATH,server=on,wait=off), that nobody else is connected to it, and that this user may write to it", inner);

    public static QmpException Refused(string command, string peer, string said) =>
        new("SL3102", command, peer, Fit(said), "Act on what QEMU says");

    public static QmpException Lost(string command, string peer, string said, Exception? inner = null) =>
        new("SL3103", command, peer, Fit(said), "Check whether QEMU still runs and what its log says, then try again", inner);

    /// <summary>What QEMU says quotes names that a guest or somebody else chose: one line, of printable characters.</summary>
    private static string Fit(string said)
    {
        var cut = said.Length > SaidLimitCharacters ? said[..SaidLimitCharacters] + "…" : said;
        return string.Concat(cut.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c)).Trim().TrimEnd('.');
    }
}
