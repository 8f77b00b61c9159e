namespace Sealift.VSphere;

/// <summary>Where a task of the server stands.</summary>
public enum VimTaskState
{
    /// <summary>It waits for its turn.</summary>
    Queued,

    /// <summary>It goes on.</summary>
    Running,

    /// <summary>It did what it was to do.</summary>
    Success,

    /// <summary>It failed.</summary>
    Error,
}

/// <summary>A task of the server (a <c>TaskInfo</c>).</summary>
/// <param name="Task">The task.</param>
/// <param name="Kind">What it does: <c>VirtualMachine.createSnapshot</c>.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Percent">How far it is; null where the server does not say.</param>
/// <param name="Result">What it returned; null for none.</param>
/// <param name="Error">Why it failed; null where it did not.</param>
public sealed record VimTask(ManagedReference Task, string Kind, VimTaskState State, int? Percent, VimElement? Result, VSphereFault? Error)
{
    /// <summary>Whether it has come to its end.</summary>
    public bool IsOver => State is VimTaskState.Success or VimTaskState.Error;

    /// <summary>Reads a <c>TaskInfo</c>.</summary>
    internal static VimTask Of(ManagedReference task, VimElement info) => new(
        task,
        info.TextOf("descriptionId") ?? string.Empty,
        info.Require("state").Text switch
        {
            "queued" => VimTaskState.Queued,
            "running" => VimTaskState.Running,
            "success" => VimTaskState.Success,
            "error" => VimTaskState.Error,
            var other => throw new InvalidDataException($"'{other}' is no state of a task"),
        },
        info.NumberOf("progress") is { } percent ? (int)Math.Clamp(percent, 0, 100) : null,
        info.Find("result"),
        info.Find("error") is { } error ? VSphereFault.Of(error) : null);
}
