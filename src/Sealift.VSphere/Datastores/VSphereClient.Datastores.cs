namespace Sealift.VSphere;

/// <content>Datastores, and the files on them.</content>
public sealed partial class VSphereClient
{
    // A server has a limit of its own for how deep folders are nested; a circle has none.
    private const int FolderDepthLimit = 100;

    /// <summary>The session as requests for files need it.</summary>
    internal (long Number, string? Cookie) Session => (Interlocked.Read(ref session), http.Cookie);

    /// <summary>What kind of storage a datastore is: <c>VMFS</c>, <c>NFS</c>, <c>NFS41</c>, <c>vsan</c>, <c>VVOL</c>, …; empty where the server does not say.</summary>
    /// <param name="datastore">The datastore.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<string> DatastoreKindAsync(ManagedReference datastore, CancellationToken cancel)
    {
        const string Property = "summary.type";
        var one = await RetrieveOneAsync(datastore, [Property], cancel);
        return one[Property]?.Text ?? string.Empty;
    }

    /// <summary>Opens a file of a datastore for reading (<c>https://HOST/folder/…?dcPath=…&amp;dsName=…</c>), which takes the privilege Datastore.Browse.</summary>
    /// <param name="datastore">The datastore.</param>
    /// <param name="file">Where the file is on it: <c>[datastore] folder/name</c>.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">SL3327 there is no such file; SL3328 the server does not give it; SL3331 the replies are lost.</exception>
    public async Task<DatastoreFile> OpenFileAsync(ManagedReference datastore, DatastorePath file, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(file);
        var subject = $"{Peer}, {file}";
        var center = await DatacenterPathAsync(datastore, cancel);
        var path = string.Join('/', file.File.Split('/').Select(Uri.EscapeDataString));
        var address = new UriBuilder(options.Address) { Path = $"folder/{path}", Query = $"dcPath={Uri.EscapeDataString(center)}&dsName={Uri.EscapeDataString(file.Datastore)}" }.Uri;
        var opened = new DatastoreFile(this, new FileHttp(options, options.Trust), address, file, subject, options.ReplyDeadline);
        try
        {
            await opened.MeasureAsync(cancel);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The names on the way to the data center that an object is in, by slashes, as the server writes them.</summary>
    private async Task<string> DatacenterPathAsync(ManagedReference target, CancellationToken cancel)
    {
        var names = new List<string>();
        var here = target;
        for (var depth = 0; depth < FolderDepthLimit; depth++)
        {
            var one = await RetrieveOneAsync(here, ["name", "parent"], cancel);
            var isRoot = one["parent"] is null;
            // Below a data center are folders for its datastores, which are no part of its path; the root is no part of any.
            if (here.Type == "Datacenter" || (names.Count > 0 && !isRoot)) names.Insert(0, one["name"]?.Text ?? string.Empty);
            if (isRoot) break;
            here = Understand("find the data center", SubjectOf(here), () => one["parent"]!.AsReference());
        }

        return names.Count > 0 ? string.Join('/', names) : throw VSphereErrors.NotUnderstood("find the data center", SubjectOf(target), "it is in none");
    }
}
