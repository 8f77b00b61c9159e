using System.Globalization;
using System.Xml.Linq;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>The user that libvirt starts QEMU as. https://libvirt.org/formatcaps.html, the security model <c>dac</c>.</summary>
/// <param name="UserId">The number of the user.</param>
/// <param name="GroupId">The number of the group.</param>
public sealed record QemuUser(uint UserId, uint GroupId)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>Reads it out of what libvirt says of its host; null where libvirt leaves QEMU with its own user.</summary>
    internal static QemuUser? Of(XElement capabilities)
    {
        var label = capabilities.Element("host")?.Elements("secmodel").FirstOrDefault(m => m.Element("model")?.Value == "dac")?.Elements("baselabel").FirstOrDefault()?.Value;
        // "+64055:+108"; the plus says that a number follows, and not a name that looks like one.
        return label?.Split(':') is [var user, var group] && Number(user) is { } u && Number(group) is { } g ? new QemuUser(u, g) : null;

        static uint? Number(string text) => uint.TryParse(text.TrimStart('+'), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    /// <summary>Whether the user can reach what lies in a directory. It is tried, because modes are not all that decides; only root can try it.</summary>
    /// <param name="directory">The directory, as an absolute path.</param>
    /// <param name="cancel">Stops it.</param>
    public async Task<bool> CanReachAsync(string directory, CancellationToken cancel)
    {
        string[] user = [string.Create(CultureInfo.InvariantCulture, $"--reuid={UserId}"), string.Create(CultureInfo.InvariantCulture, $"--regid={GroupId}"), "--clear-groups"];
        var tried = await ChildProcess.RunAsync(new ChildCommand("setpriv", [.. user, "--", "test", "-x", directory]) { AcceptedExitCodes = [0, 1], Deadline = Deadline }, cancel);
        return tried.ExitCode == 0;
    }
}
