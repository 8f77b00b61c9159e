namespace Sealift.Plans.Running;

/// <summary>Who is told of what was written down about runs. Never waits.</summary>
public interface IRunNews
{
    /// <summary>Takes news.</summary>
    void Tell(RunNews news);
}
