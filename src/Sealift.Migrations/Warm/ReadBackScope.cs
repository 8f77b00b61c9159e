namespace Sealift.Migrations;

/// <summary>How much of a target is read back when the machine is off.</summary>
public enum ReadBackScope
{
    /// <summary>All of it.</summary>
    Full,

    /// <summary>What the passes over the running machine have not read back already.</summary>
    Changed,
}
