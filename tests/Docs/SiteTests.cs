using System.Net;
using System.Text.RegularExpressions;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Sealift.Rigs;
using Sealift.Site;
using static Microsoft.Playwright.Assertions;

namespace Sealift.Docs;

/// <summary>The site, opened from a disk in a real browser, as somebody without a network does.</summary>
public sealed partial class SiteTests(BuiltSite site, Chromium chromium)
{
    [Fact]
    public void Every_link_of_the_site_leads_to_a_file_and_a_place_in_it_and_nothing_comes_from_elsewhere()
    {
        var pages = Directory.EnumerateFiles(site.Root, "*.html", SearchOption.AllDirectories).ToDictionary(f => f, File.ReadAllText);
        Assert.Equal(Repository.Book.Pages.Count, pages.Count);
        var wrong = new List<string>();
        foreach (var (file, html) in pages)
        {
            foreach (Match match in Reference().Matches(html))
            {
                var (name, url) = (match.Groups[1].Value, WebUtility.HtmlDecode(match.Groups[2].Value));
                if (url.Contains("://", StringComparison.Ordinal))
                {
                    // A link may lead away; what the page itself needs may not.
                    if (name == "src" || match.Value.Contains("stylesheet", StringComparison.Ordinal)) wrong.Add($"{file} needs {url}");
                    continue;
                }

                var parts = url.Split('#', 2);
                var target = parts[0].Length == 0 ? file : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, Uri.UnescapeDataString(parts[0])));
                if (!target.StartsWith(site.Root, StringComparison.Ordinal) || !File.Exists(target)) wrong.Add($"{file}: {url} is not there");
                else if (parts.Length > 1 && pages.TryGetValue(target, out var other) && !other.Contains($"id=\"{parts[1]}\"", StringComparison.Ordinal)) wrong.Add($"{file}: {url} has no such place");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_page_is_in_the_navigation_once()
    {
        var inNavigation = Contents.Of(Repository.Book).SelectMany(p => p.Entries).Select(e => e.Page.Path).Order(StringComparer.Ordinal);
        Assert.Equal(Repository.Book.Pages.Select(p => p.Path).Where(p => p != "docs/README.md"), inNavigation);
    }

    [Fact]
    public async Task The_search_finds_an_error_by_its_code_and_leads_to_its_row()
    {
        await using var context = await chromium.Browser.NewContextAsync();
        var (page, complaints) = await OpenAsync(context, "formats/seal.html");
        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("sl7102");
        await Expect(page.Locator("#results a").First).ToContainTextAsync("SL7102");
        await page.Keyboard.PressAsync("ArrowDown");
        Assert.StartsWith("SL7102", await page.EvaluateAsync<string>("document.activeElement.textContent"), StringComparison.Ordinal);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page).ToHaveURLAsync(new Regex("/errors\\.html#SL7102$"));
        await Expect(page.Locator("tr#SL7102")).ToBeInViewportAsync();
        Assert.Empty(complaints);
    }

    [Fact]
    public async Task The_search_finds_words_in_headings_before_words_in_text_and_says_where_there_are_none()
    {
        await using var context = await chromium.Browser.NewContextAsync();
        var (page, complaints) = await OpenAsync(context, "index.html");
        var box = page.GetByLabel("Search");
        await box.FillAsync("repairing");
        await Expect(page.Locator("#results a").First).ToHaveAttributeAsync("href", "./copy.html#repairing");
        await box.FillAsync("zebra");
        await Expect(page.Locator("#found")).ToHaveTextAsync("nothing found");
        await Expect(page.Locator("#results")).ToBeHiddenAsync();
        await box.FillAsync("<img src=x onerror=alert(1)>");
        await box.FillAsync("seal");
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Locator("#results")).ToBeHiddenAsync();
        Assert.Empty(complaints);
    }

    [Fact]
    public async Task Without_scripts_the_pages_are_all_there_and_offer_no_search()
    {
        await using var context = await chromium.Browser.NewContextAsync(new() { JavaScriptEnabled = false });
        var page = await context.NewPageAsync();
        await page.GotoAsync(site.Address("index.html"));
        await Expect(page.Locator("#search")).ToBeHiddenAsync();
        await page.GetByRole(AriaRole.Navigation).GetByRole(AriaRole.Link, new() { Name = "Errors", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Errors", Level = 1 })).ToBeVisibleAsync();
    }

    // Each page is looked at by axe on one of the two screens, and those that have whatever a page can have on both; and each is measured on both.
    [Theory]
    [InlineData(360, ColorScheme.Light, 0)]
    [InlineData(1280, ColorScheme.Dark, 1)]
    public async Task Every_page_fits_its_screen_and_axe_has_nothing_against_it(int width, ColorScheme scheme, int turn)
    {
        await using var context = await chromium.Browser.NewContextAsync(new() { ViewportSize = new() { Width = width, Height = 800 }, ColorScheme = scheme });
        var wrong = new List<string>();
        foreach (var (one, at) in Repository.Book.Pages.Select((p, i) => (p, i)))
        {
            var address = SitePath.Of(one);
            var (page, complaints) = await OpenAsync(context, address);
            var (wide, screen) = (await page.EvaluateAsync<int>("document.documentElement.scrollWidth"), await page.EvaluateAsync<int>("document.documentElement.clientWidth"));
            if (wide > screen) wrong.Add($"{address} is {wide} wide on a screen of {screen}");
            // Before axe comes: it tries to fetch what a page from a disk may not.
            wrong.AddRange(complaints.ToList());
            if (at % 2 == turn || one.Path is "README.md" or "docs/plans.md" or "docs/ARCHITECTURE.md")
            {
                var seen = await page.RunAxe();
                wrong.AddRange(seen.Violations.Select(v => $"{address}: {v.Impact} {v.Id}: {v.Help}: {string.Join("; ", v.Nodes.Take(3).Select(n => n.Html))}"));
            }

            await page.CloseAsync();
        }

        Assert.Empty(wrong);
    }

    private async Task<(IPage Page, List<string> Complaints)> OpenAsync(IBrowserContext context, string address)
    {
        var (page, complaints) = (await context.NewPageAsync(), new List<string>());
        page.Console += (_, message) => { if (message.Type is "error" or "warning") complaints.Add($"{address}: {message.Text}"); };
        page.PageError += (_, error) => complaints.Add($"{address}: {error}");
        page.Request += (_, request) => { if (!request.Url.StartsWith("file://", StringComparison.Ordinal)) complaints.Add($"{address} asks for {request.Url}"); };
        await page.GotoAsync(site.Address(address));
        return (page, complaints);
    }

    [GeneratedRegex("<[^>]*?\\b(href|src)=\"([^\"]*)\"")]
    private static partial Regex Reference();
}
