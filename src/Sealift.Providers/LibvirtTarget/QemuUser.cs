using System.Globalization;
using System.Xml.Linq;

namespace Sealift.Providers;

/// <summary>The user that libvirt starts QEMU as. https://libvirt.org/formatcaps.html, the security model <c>dac</c>.</summary>
/// <param name="UserId">The number of the user.</param>
/// <param name="GroupId">The number of the group.</param>
public sealed record QemuUser(uint UserId, uint GroupId)
{
    /// <summary>Reads it out of what libvirt says of its host; null where libvirt leaves QEMU with its own user.</summary>
    internal static QemuUser? Of(XElement capabilities)
    {
        var label = capabilities.Element("host")?.Elements("secmodel").FirstOrDefault(m => m.Element("model")?.Value == "dac")?.Elements("baselabel").FirstOrDefault()?.Value;
        // "+64055:+108"; the plus says that a number follows, and not a name that looks like one.
        return label?.Split(':') is [var user, var group] && Number(user) is { } u && Number(group) is { } g ? new QemuUser(u, g) : null;

        static uint? Number(string text) => uint.TryParse(text.TrimStart('+'), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    /// <summary>The command by which root tries whether the user can reach what lies in a directory: modes are not all that decides.</summary>
    /// <param name="directory">The directory, as an absolute path.</param>
    /// <returns>Its words; its exit code is 0 or 1.</returns>
    internal IReadOnlyList<string> TryToReach(string directory) =>
    [
        "setpriv", string.Create(CultureInfo.InvariantCulture, $"--reuid={UserId}"), string.Create(CultureInfo.InvariantCulture, $"--regid={GroupId}"), "--clear-groups", "--", "test", "-x", directory,
    ];
}
