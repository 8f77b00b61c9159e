using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Sealift.Posix;
using Sealift.Server.Database;

namespace Sealift.Server.Security;

/// <summary>The keys that forms are signed with, as files of mode 0600 in the state directory.</summary>
internal sealed class KeyFiles(string directory) : IXmlRepository
{
    /// <inheritdoc/>
    public IReadOnlyCollection<XElement> GetAllElements() =>
        FileFacts.OfPathIfExists(directory) is null ? [] : [.. PosixPath.List(directory).Where(n => n.EndsWith(".xml", StringComparison.Ordinal)).Select(n => XElement.Parse(File.ReadAllText(Path.Combine(directory, n))))];

    /// <inheritdoc/>
    public void StoreElement(XElement element, string friendlyName)
    {
        PosixPath.EnsureDirectory(directory, 0x1C0 /* 0700 */);
        PosixPath.WriteFileDurably(Path.Combine(directory, $"{Guid.NewGuid():N}.xml"), System.Text.Encoding.UTF8.GetBytes(element.ToString(SaveOptions.DisableFormatting)), replace: false, 0x180 /* 0600 */);
    }
}

/// <summary>The same in the database, where several servers share one: a form of one is sent to another.</summary>
internal sealed class KeyRows(ServerDatabase database) : IXmlRepository
{
    /// <inheritdoc/>
    public IReadOnlyCollection<XElement> GetAllElements() =>
        [.. database.QueryAsync("SELECT xml FROM server_key ORDER BY id", r => XElement.Parse(r.GetString(0)), CancellationToken.None).GetAwaiter().GetResult()];

    /// <inheritdoc/>
    public void StoreElement(XElement element, string friendlyName) => database.ExecuteAsync(
        "INSERT INTO server_key (id, xml) VALUES (@id, @xml)", CancellationToken.None, ("id", Guid.NewGuid().ToString("N")), ("xml", element.ToString(SaveOptions.DisableFormatting))).GetAwaiter().GetResult();
}
