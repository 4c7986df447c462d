/** What a person waits for before using a part of a page. */
import { type By, error, until, type WebDriver, type WebElement } from 'selenium-webdriver';

const NOT_YET = [
  error.NoSuchElementError,
  error.StaleElementReferenceError,
  error.ElementNotInteractableError,
  error.ElementClickInterceptedError,
];

/** Clicks once it is there, shown, not disabled, and nothing lies over it. */
export async function clickOn(driver: WebDriver, where: By): Promise<void> {
  const clicked = async (): Promise<boolean> => {
    try {
      const element = await driver.findElement(where);
      if (!(await element.isEnabled())) return false;
      // Off the page's edges, where bars may lie over it.
      await driver.executeScript('arguments[0].scrollIntoView({block: "center"})', element);
      await element.click();
      return true;
    } catch (thrown) {
      if (NOT_YET.some((kind) => thrown instanceof kind)) return false;
      throw thrown;
    }
  };
  await driver.wait(clicked, 10_000, `cannot click ${where}`);
}

/** The element once it can be seen: pages show some of theirs only when their script has run. */
export async function visible(driver: WebDriver, where: By): Promise<WebElement> {
  return driver.wait(
    until.elementIsVisible(await driver.wait(until.elementLocated(where), 10_000, `no ${where}`)),
    10_000,
    `hidden: ${where}`,
  );
}
