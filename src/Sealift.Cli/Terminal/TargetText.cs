using Sealift.Migrations;

namespace Sealift.Cli.Terminal;

/// <summary>What receives a machine, for people.</summary>
internal static class TargetText
{
    /// <summary>libvirt, in one line.</summary>
    public static string Of(LibvirtTarget target) =>
        $"{target.Uri}, pool {target.Pool}: the domain is defined{(target.Autostart ? ", starts with its host" : string.Empty)}{(target.Start ? ", and is started" : string.Empty)}";
}
