using Microsoft.AspNetCore.Components;
using Sealift.Server.Api;

namespace Sealift.Server.Pages;

/// <summary>What the steps of the wizard have in common: the draft, and what is wrong with it.</summary>
public abstract class DraftPage : PageBase
{
    /// <summary>The draft's id.</summary>
    [Parameter]
    public string Id { get; set; } = string.Empty;

    /// <summary>Whether the step was sent, and has a mistake.</summary>
    [SupplyParameterFromQuery]
    public bool? Wrong { get; set; }

    [Inject]
    internal PlanDrafts Drafts { get; set; } = null!;

    internal PlanDraft Draft { get; private set; } = null!;

    internal DraftMistake? Mistake { get; private set; }

    /// <summary>Reads the draft.</summary>
    protected async Task ReadAsync()
    {
        Draft = await Drafts.GetAsync(Id, Http.Actor(), Cancel);
        Mistake = Draft.Mistake();
    }
}
